#include "proxy/config/parse.h"

static void key_name(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *context)
{
    (void)key;
    struct px_goal *goal = context;
    px_parse_name(parser, node, "", 63, &goal->name);
}

static void key_match(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)key;
    struct px_goal *goal = context;
    if (px_parse_one_match(parser, node, &goal->match) && node->count == 0) {
        px_error(parser, node, "goals: an empty match would count every request");
    }
}

/* 201, or a class: 2xx. */
static void key_status(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *context)
{
    (void)key;
    struct px_goal *goal = context;
    struct tn_str text = node->text;
    bool is_class = false;
    uint32_t status = 0;
    if (node->kind == PX_NODE_SCALAR && text.len == 3) {
        is_class = text.ptr[1] == 'x' && text.ptr[2] == 'x';
        for (size_t i = 0; i < (is_class ? 1u : 3u); i++) {
            bool is_digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';
            status = is_digit ? status * 10 + (uint32_t)(text.ptr[i] - '0') : 0;
        }
        status *= is_class ? 100 : 1;
    }
    if (status < 100 || status > 599) {
        px_expected(parser, node, "a status such as 201, or a class such as 2xx", NULL);
        return;
    }
    goal->status_low = status;
    goal->status_high = is_class ? status + 99 : status;
}

static const struct px_key goal_keys[] = {
    {.name = "name", .parse = key_name},
    {.name = "match", .parse = key_match},
    {.name = "status", .parse = key_status},
};

static void check_goal(struct px_parser *parser, const struct px_node *item,
                       const struct px_rule *rule)
{
    const struct px_goal *goal = &rule->goals[rule->goal_count - 1];
    if (!px_node_means(item, "name")) {
        px_error(parser, item, "goals: 'name' is missing");
    }
    if (!px_node_means(item, "match")) {
        px_error(parser, item,
                 "goals: 'match' is missing: which requests count, such as "
                 "{path: /thanks}");
    }
    for (uint32_t i = 0; goal->name && i + 1 < rule->goal_count; i++) {
        if (rule->goals[i].name && strcmp(rule->goals[i].name, goal->name) == 0) {
            px_error(parser, px_node_find(item, "name"), "this rule already has a goal '%s'",
                     goal->name);
            return;
        }
    }
}

void px_parse_goals(struct px_parser *parser, const struct px_node *node, struct px_rule *rule)
{
    if (!px_parse_list(parser, node, "goals such as [{name: order, match: {path: /thanks}}]",
                       PX_GOALS_MAX)) {
        return;
    }
    PX_NODE_FOR_EACH (item, node) {
        struct px_goal *goal = &rule->goals[rule->goal_count++];
        *goal = (struct px_goal){.status_low = 200, .status_high = 299};
        if (px_parse_map(parser, item, "a goal", goal_keys,
                         sizeof(goal_keys) / sizeof(goal_keys[0]), goal)) {
            check_goal(parser, item, rule);
        }
    }
}
