#include "proxy/config/parse.h"

static void key_worse(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)key;
    static const char *const words[] = {"abort"};
    struct px_guard *guard = context;
    uint32_t index;
    if (px_parse_word(parser, node, words, 1, &index)) {
        guard->on_worse = true;
    }
}

static void key_max_error_rate(struct px_parser *parser, const struct px_node *node,
                               const struct px_key *key, void *context)
{
    (void)key;
    struct px_guard *guard = context;
    uint32_t ppm;
    if (!px_parse_percent(parser, node, &ppm)) {
        return;
    }
    if (ppm == 0 || ppm >= 1000000) {
        px_expected(parser, node, "a percentage above 0% and below 100%", NULL);
        return;
    }
    guard->max_error_ppm = ppm;
}

void px_parse_guard(struct px_parser *parser, const struct px_node *node, struct px_rule *rule)
{
    static const struct px_key keys[] = {
        {.name = "worse", .parse = key_worse},
        {.name = "max_error_rate", .parse = key_max_error_rate},
        {.name = "consecutive_failures",
         .parse = px_key_u32,
         .offset = offsetof(struct px_guard, consecutive_failures),
         .min = 1,
         .max = 1000000},
        {.name = "min_requests",
         .parse = px_key_u32,
         .offset = offsetof(struct px_guard, min_requests),
         .min = 1,
         .max = 1000000000},
    };
    struct px_guard *guard = &rule->guard;
    uint32_t errors_before = parser->messages->error_count;
    guard->min_requests = PX_GUARD_MIN_REQUESTS;
    if (!px_parse_map(parser, node, "a guard", keys, sizeof(keys) / sizeof(keys[0]), guard) ||
        parser->messages->error_count > errors_before) {
        return;
    }
    guard->is_set = guard->on_worse || guard->max_error_ppm || guard->consecutive_failures;
    if (!guard->is_set) {
        px_error(parser, node,
                 "guard: says nothing to abort on: give worse, max_error_rate or "
                 "consecutive_failures");
    }
}
