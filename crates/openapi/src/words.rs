//! The keywords of all versions, hashed while compiling.

use crate::tree::Word;

macro_rules! words {
    ($($name:ident = $text:literal),* $(,)?) => {
        $(pub(crate) const $name: Word = Word::new($text);)*
    };
}

words! {
    ADDITIONAL_OPERATIONS = "additionalOperations", ADDITIONAL_PROPERTIES = "additionalProperties",
    ALLOW_RESERVED = "allowReserved", ALL_OF = "allOf", ANCHOR = "$anchor", ANY_OF = "anyOf",
    AUTHORIZATION_URL = "authorizationUrl", BASE_PATH = "basePath", BEARER_FORMAT = "bearerFormat",
    CALLBACKS = "callbacks", COLLECTION_FORMAT = "collectionFormat", COMMENT = "$comment", COMPONENTS = "components",
    CONST = "const", CONSUMES = "consumes", CONTACT = "contact", CONTENT = "content",
    CONTENT_ENCODING = "contentEncoding", CONTENT_MEDIA_TYPE = "contentMediaType", CONTENT_TYPE = "contentType",
    DATA_VALUE = "dataValue", DEFAULT = "default", DEFAULT_MAPPING = "defaultMapping", DEFINITIONS = "definitions",
    DEPRECATED = "deprecated", DESCRIPTION = "description",
    DEVICE_AUTHORIZATION_URL = "deviceAuthorizationUrl", DISCRIMINATOR = "discriminator",
    DYNAMIC_REF = "$dynamicRef", EMAIL = "email", ENCODING = "encoding", ENUM = "enum", EXAMPLE = "example",
    EXAMPLES = "examples", EXCLUSIVE_MAXIMUM = "exclusiveMaximum", EXCLUSIVE_MINIMUM = "exclusiveMinimum",
    EXPLODE = "explode", EXTERNAL_DOCS = "externalDocs", FLOW = "flow", FLOWS = "flows", FORMAT = "format",
    HEADERS = "headers", HOST = "host", ID = "$id", IDENTIFIER = "identifier", IN = "in", INFO = "info",
    ITEMS = "items", ITEM_SCHEMA = "itemSchema", LICENSE = "license", MAPPING = "mapping", MAXIMUM = "maximum",
    MAX_ITEMS = "maxItems", MAX_LENGTH = "maxLength", MAX_PROPERTIES = "maxProperties", MINIMUM = "minimum",
    MIN_ITEMS = "minItems", MIN_LENGTH = "minLength", MIN_PROPERTIES = "minProperties",
    MULTIPLE_OF = "multipleOf", NAME = "name", NOT = "not", NULLABLE = "nullable",
    OAUTH2_METADATA_URL = "oauth2MetadataUrl", ONE_OF = "oneOf", OPENAPI = "openapi",
    OPEN_ID_CONNECT_URL = "openIdConnectUrl", OPERATION_ID = "operationId", PARAMETERS = "parameters",
    PARENT = "parent", PATHS = "paths", PATTERN = "pattern", PATTERN_PROPERTIES = "patternProperties",
    PREFIX_ITEMS = "prefixItems", PRODUCES = "produces", PROPERTIES = "properties",
    PROPERTY_NAME = "propertyName", READ_ONLY = "readOnly", REF = "$ref", REFRESH_URL = "refreshUrl",
    REQUEST_BODY = "requestBody", REQUIRED = "required", RESPONSES = "responses", SCHEMA = "schema",
    SCHEMAS = "schemas", SCHEME = "scheme", SCHEMES = "schemes", SCOPES = "scopes", SECURITY = "security",
    SECURITY_DEFINITIONS = "securityDefinitions", SECURITY_SCHEMES = "securitySchemes", SERVERS = "servers",
    STYLE = "style", SUMMARY = "summary", SWAGGER = "swagger", TAGS = "tags",
    TERMS_OF_SERVICE = "termsOfService", TITLE = "title", TOKEN_URL = "tokenUrl", TYPE = "type",
    UNEVALUATED_PROPERTIES = "unevaluatedProperties", UNIQUE_ITEMS = "uniqueItems", URL = "url",
    VALUE = "value", VARIABLES = "variables", VERSION = "version", WEBHOOKS = "webhooks",
    WRITE_ONLY = "writeOnly", X_DISPLAY_NAME = "x-displayName", X_ENUM_DESCRIPTIONS = "x-enum-descriptions",
    X_ENUM_DESCRIPTIONS_2 = "x-enumDescriptions", X_ENUM_NAMES = "x-enumNames",
    X_ENUM_VARNAMES = "x-enum-varnames", X_ENUM_VARNAMES_2 = "x-enum-names",
    X_MS_ENUM = "x-ms-enum", X_NULLABLE = "x-nullable", X_WEBHOOKS = "x-webhooks", VALUES = "values",
}
