import js from "@eslint/js";
import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

/** Arrows go one way: routes -> features -> {ui, api, lib}. Each layer names what it may not see, and why. */
const banned = (groups) => ["error", { patterns: groups.map(([group, message]) => ({ group, message })) }];
const noRoutes = [["@/routes/*", "../routes/*"], "Routes are the top layer; nothing imports them but router.tsx."];
const noFeatures = [["@/features/*", "@/features/**", "../features/*"], "This layer must not know a feature. Move what is shared to ui, api or lib."];

export default ts.config(
  { ignores: ["dist", "node_modules", "test-results", "playwright-report"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...ts.configs.stylistic,
  { rules: { "@typescript-eslint/consistent-type-definitions": "off" } },
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { "react-hooks": hooks, "jsx-a11y": a11y },
    rules: {
      ...a11y.flatConfigs.recommended.rules,
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "no-restricted-globals": ["error", { name: "fetch", message: "All calls go through api/client.ts." }],
      "no-restricted-syntax": ["error", { selector: "CallExpression[callee.property.name='scrollIntoView'][callee.object.name!='EditorView']", message: "It moves where the next Tab goes on. Use bringIntoView of lib/scroll.ts." }],
    },
  },
  { files: ["src/api/client.ts", "src/api/client.test.ts"], rules: { "no-restricted-globals": "off" } },
  { files: ["src/{routes,features,ui}/**/*.tsx"], rules: { "max-lines": ["error", { max: 200, skipBlankLines: true, skipComments: true }] } },
  {
    files: ["src/features/**"],
    rules: {
      "no-restricted-imports": banned([
        noRoutes,
        [["@/features/*", "@/features/**", "../*"], "Features never import each other. Compose them in a route, or move what is shared to ui, api or lib."],
      ]),
    },
  },
  {
    files: ["src/ui/**"],
    rules: {
      "no-restricted-imports": banned([
        noRoutes,
        noFeatures,
        [["@tanstack/react-query", "@/api/client", "@/api/queries", "@/api/stream"], "ui draws what it is given; it fetches nothing."],
      ]),
    },
  },
  { files: ["src/api/**", "src/lib/**"], rules: { "no-restricted-imports": banned([noRoutes, noFeatures, [["@/ui/*"], "api and lib draw nothing."]]) } },
  { files: ["src/api/schema.ts"], rules: { "max-lines": "off", "@typescript-eslint/consistent-indexed-object-style": "off" } },
  { files: ["mock/**", "e2e/**"], rules: { "@typescript-eslint/no-non-null-assertion": "off" } },
  { files: ["scripts/**"], languageOptions: { globals: { console: "readonly", process: "readonly", URL: "readonly", document: "readonly", fetch: "readonly" } } },
);
