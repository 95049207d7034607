/** Versions as Semantic Versioning 2.0.0 has them. */

/** The next version after a step; nothing when the old one is no semantic version. */
export function nextVersion(version: string, step: string): string | null {
  const found = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  if (!found) return null;
  const [major, minor, patch] = found.slice(1).map(Number) as [number, number, number];
  switch (step) {
    case "major": return `${String(major + 1)}.0.0`;
    case "minor": return `${String(major)}.${String(minor + 1)}.0`;
    case "patch": return `${String(major)}.${String(minor)}.${String(patch + 1)}`;
    default: return null;
  }
}
