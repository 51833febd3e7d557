#include "tests/unit/admin/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include <cmocka.h>

/* --- YAML to JSON ------------------------------------------------------------------------------
 */

static json_t *convert(yaml_document_t *document, int number);

static json_t *convert_scalar(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    char *end;
    long long integer;

    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return json_string(text);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return json_boolean(text[0] == 't');
    integer = strtoll(text, &end, 10);
    return *text && !*end ? json_integer(integer) : json_string(text);
}

static json_t *convert_mapping(yaml_document_t *document, const yaml_node_t *node)
{
    json_t *object = json_object();

    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const char *name = (const char *)key->data.scalar.value;

        if (json_object_get(object, name))
            fail_msg("openapi.yaml:%zu: '%s' is given twice", key->start_mark.line + 1, name);
        json_object_set_new(object, name, convert(document, pair->value));
    }
    return object;
}

static json_t *convert(yaml_document_t *document, int number)
{
    const yaml_node_t *node = yaml_document_get_node(document, number);
    json_t *list;

    if (node->type == YAML_SCALAR_NODE)
        return convert_scalar(node);
    if (node->type == YAML_MAPPING_NODE)
        return convert_mapping(document, node);
    list = json_array();
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++)
        json_array_append_new(list, convert(document, *item));
    return list;
}

json_t *openapi_load(void)
{
    FILE *file = fopen(OPENAPI_FILE, "r");
    yaml_document_t document;
    yaml_parser_t parser;
    json_t *page;

    assert_non_null(file);
    assert_int_equal(yaml_parser_initialize(&parser), 1);
    yaml_parser_set_input_file(&parser, file);
    if (!yaml_parser_load(&parser, &document))
        fail_msg("openapi.yaml:%zu: %s", parser.problem_mark.line + 1, parser.problem);
    page = convert(&document, 1);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    fclose(file);
    return page;
}

/* --- finding -----------------------------------------------------------------------------------
 */

static const json_t *resolve(const json_t *page, const json_t *node)
{
    const char *reference = json_string_value(json_object_get(node, "$ref"));
    char path[256];
    char *part;
    char *rest = NULL;

    if (!reference)
        return node;
    assert_int_equal(strncmp(reference, "#/", 2), 0);
    snprintf(path, sizeof(path), "%s", reference + 2);
    node = page;
    for (part = strtok_r(path, "/", &rest); part; part = strtok_r(NULL, "/", &rest))
        node = json_object_get(node, part);
    if (!node)
        fail_msg("openapi.yaml: %s leads nowhere", reference);
    return resolve(page, node);
}

static const json_t *operation(const json_t *page, const char *path, const char *method)
{
    return json_object_get(json_object_get(json_object_get(page, "paths"), path), method);
}

const json_t *openapi_answer(const json_t *page, const char *path, const char *method,
                             unsigned status)
{
    const json_t *responses = json_object_get(operation(page, path, method), "responses");
    const json_t *response;
    const json_t *content;
    char text[16];

    snprintf(text, sizeof(text), "%u", status);
    response = json_object_get(responses, text);
    if (!response)
        response = json_object_get(responses, "default");
    content = json_object_get(resolve(page, response), "content");
    content =
        json_object_get(content, status >= 400 ? "application/problem+json" : "application/json");
    return json_object_get(content, "schema");
}

const json_t *openapi_request(const json_t *page, const char *path, const char *method)
{
    const json_t *body = json_object_get(operation(page, path, method), "requestBody");

    return json_object_get(json_object_get(json_object_get(body, "content"), "application/json"),
                           "schema");
}

/* --- validating --------------------------------------------------------------------------------
 */

static bool complain(const char *where, const char *what)
{
    print_error("%s: %s\n", where, what);
    return false;
}

static bool is_of_type(const json_t *value, const char *type)
{
    static const char *const names[] = {"object", "array",   "string", "integer",
                                        "number", "boolean", "null"};
    const bool facts[] = {json_is_object(value),  json_is_array(value),  json_is_string(value),
                          json_is_integer(value), json_is_number(value), json_is_boolean(value),
                          json_is_null(value)};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], type) == 0)
            return facts[i];
    }
    fail_msg("openapi.yaml: unknown type %s", type);
    return false;
}

static bool fits_type(const json_t *type, const json_t *value)
{
    size_t i;
    json_t *one;

    if (!type)
        return true;
    if (json_is_string(type))
        return is_of_type(value, json_string_value(type));
    json_array_foreach(type, i, one)
    {
        if (is_of_type(value, json_string_value(one)))
            return true;
    }
    return false;
}

static bool fits_object(const json_t *page, const json_t *schema, json_t *value, const char *where)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    json_t *name;
    json_t *member;
    const char *key;
    char place[512];
    size_t i;

    json_array_foreach(json_object_get(schema, "required"), i, name)
    {
        if (!json_object_get(value, json_string_value(name)))
            return complain(where, json_string_value(name));
    }
    json_object_foreach(value, key, member)
    {
        const json_t *inner = json_object_get(properties, key);

        snprintf(place, sizeof(place), "%s/%s", where, key);
        if (!inner && json_is_false(others))
            return complain(place, "is not in openapi.yaml");
        if (!inner && others)
            inner = others;
        if (inner && !openapi_fits(page, inner, member, place))
            return false;
    }
    return true;
}

static bool fits_words(const json_t *schema)
{
    static const char *const known[] = {
        "type",    "required",  "properties",  "additionalProperties",
        "items",   "enum",      "description", "minimum",
        "maximum", "maxLength", "format",      "default"};
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)schema, key, value)
    {
        bool is_known = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            is_known = is_known || strcmp(known[i], key) == 0;
        if (!is_known)
            return complain("openapi.yaml", key);
    }
    return true;
}

static bool fits_range(const json_t *schema, const json_t *value)
{
    const json_t *minimum = json_object_get(schema, "minimum");
    const json_t *maximum = json_object_get(schema, "maximum");

    if (!json_is_integer(value))
        return true;
    return (!minimum || json_integer_value(value) >= json_integer_value(minimum)) &&
           (!maximum || json_integer_value(value) <= json_integer_value(maximum));
}

static bool is_one_of(const json_t *list, const json_t *value)
{
    size_t i;
    json_t *one;

    json_array_foreach(list, i, one)
    {
        if (json_equal(one, value))
            return true;
    }
    return !list;
}

bool openapi_fits(const json_t *page, const json_t *schema, const json_t *value, const char *where)
{
    json_t *items;
    json_t *one;
    char place[512];
    size_t i;

    if (!schema)
        return complain(where, "openapi.yaml has no schema for it");
    schema = resolve(page, schema);
    if (!fits_words(schema))
        return false;
    if (!fits_type(json_object_get(schema, "type"), value))
        return complain(where, "is of another type");
    if (!is_one_of(json_object_get(schema, "enum"), value))
        return complain(where, "is none of the words");
    if (!fits_range(schema, value))
        return complain(where, "is out of range");
    if (json_is_object(value))
        return fits_object(page, schema, (json_t *)(uintptr_t)value, where);
    items = json_object_get(schema, "items");
    json_array_foreach(value, i, one)
    {
        snprintf(place, sizeof(place), "%s/%zu", where, i);
        if (items && !openapi_fits(page, items, one, place))
            return false;
    }
    return true;
}
