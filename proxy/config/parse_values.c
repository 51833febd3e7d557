#include "proxy/config/parse.h"
#include "proxy/config/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* The text of a scalar that says something, or false. */
static bool is_said(const struct px_node *node)
{
    return node->kind == PX_NODE_SCALAR && node->text.len > 0;
}

static size_t count_digits(struct tn_str text)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    return digits;
}

bool px_parse_bool(struct px_parser *parser, const struct px_node *node, bool *ret_value)
{
    static const char *const trues[] = {"yes", "on", "True", "TRUE", "Yes", "On", "1"};
    static const char *const falses[] = {"no", "off", "False", "FALSE", "No", "Off", "0"};
    if (is_said(node) && tn_str_equal(node->text, TN_STR("true"))) {
        *ret_value = true;
        return true;
    }
    if (is_said(node) && tn_str_equal(node->text, TN_STR("false"))) {
        *ret_value = false;
        return true;
    }
    const char *suggestion = NULL;
    for (size_t i = 0; node->kind == PX_NODE_SCALAR && i < sizeof(trues) / sizeof(trues[0]); i++) {
        if (tn_str_equal(node->text, tn_str_of(trues[i]))) {
            suggestion = "true";
        } else if (tn_str_equal(node->text, tn_str_of(falses[i]))) {
            suggestion = "false";
        }
    }
    px_expected(parser, node, "true or false", suggestion);
    return false;
}

bool px_parse_u64(struct px_parser *parser, const struct px_node *node, uint64_t min, uint64_t max,
                  uint64_t *ret_value)
{
    unsigned long long value;
    if (is_said(node) && tn_str_parse_u64(node->text, max, &value) == 0 && value >= min) {
        *ret_value = value;
        return true;
    }
    char what[96];
    (void)snprintf(what, sizeof(what), "a whole number from %" PRIu64 " to %" PRIu64, min, max);
    px_expected(parser, node, what, NULL);
    return false;
}

bool px_parse_word(struct px_parser *parser, const struct px_node *node, const char *const *words,
                   size_t count, uint32_t *ret_index)
{
    for (uint32_t i = 0; is_said(node) && i < count; i++) {
        if (tn_str_equal(node->text, tn_str_of(words[i]))) {
            *ret_index = i;
            return true;
        }
    }
    struct px_text what = {0};
    for (size_t i = 0; i < count; i++) {
        px_text_add(&what, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", words[i]);
    }
    px_expected(parser, node, what.bytes,
                is_said(node) ? px_suggest(node->text, words, count) : NULL);
    return false;
}

bool px_parse_percent(struct px_parser *parser, const struct px_node *node, uint32_t *ret_ppm)
{
    int r = is_said(node) ? px_units_parse_percent(node->text, ret_ppm) : -EINVAL;
    if (r == 0) {
        return true;
    }
    px_expected(parser, node,
                r == -ERANGE ? "at most 100%"
                             : "a percentage with at most four decimals, such as 25, 0.5 or 12.5%",
                NULL);
    return false;
}

/* "2", "5 min", "30sec": what they must have meant, in the one spelling; NULL when unclear. */
static const char *suggest_duration(struct tn_str text, char *buffer, size_t size)
{
    static const char *const units[][2] = {{"ms", "ms"}, {"mil", "ms"}, {"s", "s"},
                                           {"m", "m"},   {"h", "h"},    {"d", "d"}};
    size_t digits = count_digits(text);
    struct tn_str unit = tn_str_trim((struct tn_str){text.ptr + digits, text.len - digits});
    if (digits == 0 || digits > 12) {
        return NULL;
    }
    if (unit.len == 0) {
        (void)snprintf(buffer, size, "%.*ss", (int)digits, text.ptr); /* most likely seconds */
        return buffer;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct tn_str start = tn_str_of(units[i][0]);
        bool is_unit = unit.len >= start.len && isalpha((unsigned char)unit.ptr[unit.len - 1]) &&
                       tn_str_equal_nocase((struct tn_str){unit.ptr, start.len}, start);
        if (is_unit) {
            (void)snprintf(buffer, size, "%.*s%s", (int)digits, text.ptr, units[i][1]);
            return buffer;
        }
    }
    return NULL;
}

/* "at least 100ms": when the text itself is right, only the bound that it breaks matters. */
static bool expected_bound(struct px_parser *parser, const struct px_node *node, int order,
                           const char *low, const char *high)
{
    struct px_text what = {0};
    if (order == 0) {
        return false;
    }
    px_text_add(&what, order < 0 ? "at least %s" : "at most %s", order < 0 ? low : high);
    px_expected(parser, node, what.bytes, NULL);
    return true;
}

static int compare(uint64_t value, uint64_t min, uint64_t max)
{
    return value < min ? -1 : value > max;
}

bool px_parse_duration(struct px_parser *parser, const struct px_node *node, uint64_t min,
                       uint64_t max, uint64_t *ret_ms)
{
    uint64_t top = max == PX_NO_LIMIT ? PX_UNITS_DURATION_MAX_MS : max;
    uint64_t ms = 0;
    if (max == PX_NO_LIMIT && is_said(node) && tn_str_equal(node->text, TN_STR("off"))) {
        *ret_ms = PX_NO_LIMIT;
        return true;
    }
    int r = is_said(node) ? px_units_parse_duration(node->text, &ms) : -EINVAL;
    if (r == 0 && compare(ms, min, top) == 0) {
        *ret_ms = ms;
        return true;
    }
    char low[PX_UNITS_TEXT_SIZE];
    char high[PX_UNITS_TEXT_SIZE];
    px_units_write_duration(min, low);
    px_units_write_duration(top, high);
    int order = r == -ERANGE ? 1 : r == 0 ? compare(ms, min, top) : 0;
    if (!expected_bound(parser, node, order, low, high)) {
        char suggestion[48];
        px_expected(parser, node,
                    max == PX_NO_LIMIT ? "a duration such as 500ms, 2s or 5m, or off"
                                       : "a duration such as 500ms, 2s or 5m",
                    is_said(node) ? suggest_duration(node->text, suggestion, sizeof(suggestion))
                                  : NULL);
    }
    return false;
}

/* "64k", "64KB", "64 KiB": what they must have meant, in the one spelling; NULL when unclear. */
static const char *suggest_size(struct tn_str text, char *buffer, size_t size)
{
    static const char *const units[][2] = {{"k", "KiB"}, {"m", "MiB"}, {"g", "GiB"}};
    size_t digits = count_digits(text);
    struct tn_str unit = tn_str_trim((struct tn_str){text.ptr + digits, text.len - digits});
    if (digits == 0 || digits > 12 || unit.len == 0 || unit.len > 3) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct tn_str first = {unit.ptr, 1};
        bool is_rest_b =
            tn_str_equal_nocase((struct tn_str){unit.ptr + 1, unit.len - 1}, TN_STR("b")) ||
            tn_str_equal_nocase((struct tn_str){unit.ptr + 1, unit.len - 1}, TN_STR("ib")) ||
            unit.len == 1;
        if (tn_str_equal_nocase(first, tn_str_of(units[i][0])) && is_rest_b) {
            (void)snprintf(buffer, size, "%.*s%s", (int)digits, text.ptr, units[i][1]);
            return buffer;
        }
    }
    return NULL;
}

bool px_parse_size(struct px_parser *parser, const struct px_node *node, uint64_t min, uint64_t max,
                   uint64_t *ret_bytes)
{
    uint64_t top = max == PX_NO_LIMIT ? PX_UNITS_SIZE_MAX : max;
    uint64_t bytes = 0;
    if (max == PX_NO_LIMIT && is_said(node) && tn_str_equal(node->text, TN_STR("unlimited"))) {
        *ret_bytes = PX_NO_LIMIT;
        return true;
    }
    int r = is_said(node) ? px_units_parse_size(node->text, &bytes) : -EINVAL;
    if (r == 0 && compare(bytes, min, top) == 0) {
        *ret_bytes = bytes;
        return true;
    }
    char low[PX_UNITS_TEXT_SIZE];
    char high[PX_UNITS_TEXT_SIZE];
    px_units_write_size(min, low);
    px_units_write_size(top, high);
    int order = r == -ERANGE ? 1 : r == 0 ? compare(bytes, min, top) : 0;
    if (!expected_bound(parser, node, order, low, high)) {
        char suggestion[48];
        px_expected(parser, node,
                    max == PX_NO_LIMIT ? "a size such as 65536, 64KiB or 16MiB, or unlimited"
                                       : "a size such as 65536, 64KiB or 16MiB",
                    is_said(node) ? suggest_size(node->text, suggestion, sizeof(suggestion))
                                  : NULL);
    }
    return false;
}

static void *member(void *target, const struct px_key *key)
{
    return (char *)target + key->offset;
}

void px_key_u32(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                void *target)
{
    uint64_t value;
    if (px_parse_u64(parser, node, key->min, key->max, &value)) {
        *(uint32_t *)member(target, key) = (uint32_t)value;
    }
}

void px_key_ms(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
               void *target)
{
    px_parse_duration(parser, node, key->min, key->max, member(target, key));
}

void px_key_bytes32(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                    void *target)
{
    uint64_t value;
    if (px_parse_size(parser, node, key->min, key->max, &value)) {
        *(uint32_t *)member(target, key) = (uint32_t)value;
    }
}

void px_key_bytes(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                  void *target)
{
    px_parse_size(parser, node, key->min, key->max, member(target, key));
}

void px_key_bool(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                 void *target)
{
    px_parse_bool(parser, node, member(target, key));
}
