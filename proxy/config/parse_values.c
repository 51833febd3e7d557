#include "proxy/config/parse.h"
#include "proxy/config/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* The text of a scalar that says something, or false. */
static bool is_said(const struct px_node *node)
{
    return node->kind == PX_NODE_SCALAR && node->text.len > 0;
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
    snprintf(what, sizeof(what), "a whole number from %" PRIu64 " to %" PRIu64, min, max);
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
    if (is_said(node) && px_units_parse_percent(node->text, ret_ppm) == 0) {
        return true;
    }
    px_expected(parser, node,
                "a percentage from 0 to 100 with at most four decimals, such as 25, 0.5 or 12.5%",
                NULL);
    return false;
}

static void expected_duration(struct px_parser *parser, const struct px_node *node, uint64_t min,
                              uint64_t max, const char *off)
{
    char low[PX_UNITS_TEXT_SIZE];
    char high[PX_UNITS_TEXT_SIZE];
    struct px_text what = {0};
    px_text_add(&what, "a duration such as 500ms, 2s or 5m");
    uint64_t top = max == PX_NO_LIMIT ? PX_UNITS_DURATION_MAX_MS : max;
    px_text_add(&what, " from %s to %s%s", px_units_write_duration(min, low),
                px_units_write_duration(top, high), off);
    /* A bare number is the commonest mistake: seconds, most likely. */
    char suggestion[48];
    unsigned long long number;
    bool is_bare = node->kind == PX_NODE_SCALAR &&
                   tn_str_parse_u64(node->text, 999999999, &number) == 0 && number * 1000 >= min &&
                   number * 1000 <= top;
    if (is_bare) {
        snprintf(suggestion, sizeof(suggestion), "%llus", number);
    }
    px_expected(parser, node, what.bytes, is_bare ? suggestion : NULL);
}

bool px_parse_duration(struct px_parser *parser, const struct px_node *node, uint64_t min,
                       uint64_t max, uint64_t *ret_ms)
{
    uint64_t ms;
    if (max == PX_NO_LIMIT && is_said(node) && tn_str_equal(node->text, TN_STR("off"))) {
        *ret_ms = PX_NO_LIMIT;
        return true;
    }
    if (is_said(node) && px_units_parse_duration(node->text, &ms) == 0 && ms >= min && ms <= max) {
        *ret_ms = ms;
        return true;
    }
    expected_duration(parser, node, min, max, max == PX_NO_LIMIT ? ", or off" : "");
    return false;
}

/* "64k", "64KB", "64 KiB": what they must have meant, in the one spelling; NULL when unclear. */
static const char *suggest_size(struct tn_str text, char *buffer, size_t size)
{
    static const char *const units[][2] = {{"k", "KiB"}, {"m", "MiB"}, {"g", "GiB"}};
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
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
            snprintf(buffer, size, "%.*s%s", (int)digits, text.ptr, units[i][1]);
            return buffer;
        }
    }
    return NULL;
}

bool px_parse_size(struct px_parser *parser, const struct px_node *node, uint64_t min, uint64_t max,
                   uint64_t *ret_bytes)
{
    uint64_t bytes;
    if (max == PX_NO_LIMIT && is_said(node) && tn_str_equal(node->text, TN_STR("unlimited"))) {
        *ret_bytes = PX_NO_LIMIT;
        return true;
    }
    if (is_said(node) && px_units_parse_size(node->text, &bytes) == 0 && bytes >= min &&
        bytes <= max) {
        *ret_bytes = bytes;
        return true;
    }
    char low[PX_UNITS_TEXT_SIZE];
    char high[PX_UNITS_TEXT_SIZE];
    char suggestion[48];
    struct px_text what = {0};
    px_text_add(&what, "a size in bytes, or such as 64KiB or 16MiB, from %s to %s%s",
                px_units_write_size(min, low),
                px_units_write_size(max == PX_NO_LIMIT ? PX_UNITS_SIZE_MAX : max, high),
                max == PX_NO_LIMIT ? ", or unlimited" : "");
    px_expected(parser, node, what.bytes,
                is_said(node) ? suggest_size(node->text, suggestion, sizeof(suggestion)) : NULL);
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

void px_key_path(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                 void *target)
{
    px_parse_path(parser, node, member(target, key));
}
