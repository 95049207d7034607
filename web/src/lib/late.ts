/** A value that follows another one once it has stood still. */
import { useEffect, useState } from "react";

export function useLate<T>(value: T, ms: number): T {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => { setLate(value); }, ms);
    return () => { clearTimeout(timer); };
  }, [value, ms]);
  return late;
}
