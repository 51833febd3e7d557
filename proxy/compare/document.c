#include "proxy/compare/parts.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the closing quote of a text that starts before i. */
static size_t skip_text(struct tn_str bytes, size_t i)
{
    while (i < bytes.len && bytes.ptr[i] != '"')
        i += bytes.ptr[i] == '\\' ? 2 : 1;
    return i + 1;
}

/*
 * Every value but the outermost follows a '[', ',' or ':', so counting these bounds what the
 * library will make of the bytes before it makes anything.
 */
enum px_document px_compare_look(struct tn_str bytes)
{
    uint32_t nodes = 1;
    uint32_t depth = 0;
    size_t i = 0;

    while (i < bytes.len && is_space(bytes.ptr[i]))
        i++;
    if (i == bytes.len || (bytes.ptr[i] != '{' && bytes.ptr[i] != '['))
        return PX_DOCUMENT_OTHER;
    while (i < bytes.len) {
        char c = bytes.ptr[i++];

        if (c == '"') {
            i = skip_text(bytes, i);
        } else if (c == '[' || c == '{') {
            depth++;
            nodes++;
        } else if (c == ']' || c == '}') {
            depth -= depth > 0;
        } else if (c == ',') {
            nodes++;
        }
        if (depth > PX_COMPARE_DEPTH || nodes > PX_COMPARE_NODES)
            return PX_DOCUMENT_COMPLEX;
    }
    return PX_DOCUMENT_JSON;
}

json_t *px_compare_load(struct tn_str bytes)
{
    json_error_t error;

    return json_loadb(bytes.ptr, bytes.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
}
