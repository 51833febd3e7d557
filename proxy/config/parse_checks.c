#include "proxy/config/parse.h"

static uint32_t count_positive(const struct px_rule *rule, const char **ret_only)
{
    uint32_t positive = 0;
    for (uint32_t i = 0; i < rule->weight_count; i++) {
        if (rule->weights[i].weight > 0) {
            positive++;
            *ret_only = rule->weights[i].version;
        }
    }
    return positive;
}

static void check_mirrors(struct px_parser *parser, const struct px_node *node,
                          const struct px_rule *rule, const char *only)
{
    for (uint32_t i = 0; i < rule->mirror_count; i++) {
        const struct px_mirror *mirror = &rule->mirrors[i];
        const struct px_node *item = px_node_find(node, "mirror")->first;
        for (uint32_t k = 0; k < i; k++) {
            item = item->next;
        }
        const struct px_node *sample = px_node_find(item, "sample");
        if (mirror->sample_key && !px_node_find(node, "sticky")) {
            px_error(parser, sample, "sample: key needs 'sticky', which says what a user's key is");
        }
        if (mirror->to && only && strcmp(only, mirror->to) == 0) {
            px_warning(parser, item,
                       "this mirror never gets a request: '%s' itself answers all of this rule",
                       mirror->to);
        }
    }
}

/* Abort must have somewhere to go back to, and "worse" somebody to be worse than. */
static void check_guard(struct px_parser *parser, const struct px_node *node,
                        const struct px_rule *rule)
{
    const struct px_node *guard = px_node_find(node, "guard");
    if (!rule->guard.is_set || px_node_means(node, "stable")) {
        return;
    }
    if (rule->guard.on_worse) {
        px_error(parser, guard->key, "guard: worse needs 'stable': the version to compare with");
    } else if (!px_node_find(node, "match")) {
        px_error(parser, guard->key, "guard needs 'stable': the version that abort goes back to");
    }
}

/* What no key can check alone. */
void px_check_rule(struct px_parser *parser, const struct px_node *node, const struct px_rule *rule)
{
    const struct px_node *weights = px_node_find(node, "weights");
    const char *only = NULL;
    uint32_t positive = count_positive(rule, &only);
    if (!px_node_means(node, "name")) {
        px_error(parser, node, "this rule has no name");
    }
    if (!px_node_means(node, "weights")) {
        px_error(parser, node, "this rule has no weights, such as {blue: 90, green: 10}");
    }
    if (positive >= 2 && !px_node_means(node, "stable")) {
        px_error(parser, weights->key,
                 "two or more versions with weight need 'stable': the version that abort goes "
                 "back to");
    }
    if (rule->is_switched_off && !px_node_find(node, "match")) {
        px_error(parser, px_node_find(node, "switched_off"),
                 "a rule without match takes every request: it can't be switched off");
    }
    check_guard(parser, node, rule);
    check_mirrors(parser, node, rule, positive == 1 ? only : NULL);
}

static void check_names(struct px_parser *parser, const struct px_node *list)
{
    PX_NODE_FOR_EACH (item, list) {
        const struct px_node *name = px_node_find(item, "name");
        if (!name || name->kind != PX_NODE_SCALAR) {
            continue;
        }
        for (const struct px_node *before = list->first; before != item; before = before->next) {
            const struct px_node *other = px_node_find(before, "name");
            if (other && other->kind == PX_NODE_SCALAR && tn_str_equal(other->text, name->text)) {
                px_error(parser, name, "rule name '%.*s' is already used on line %u",
                         name->text.len > 63 ? 63 : (int)name->text.len, name->text.ptr,
                         other->line);
                break;
            }
        }
    }
}

/* First match wins: the one rule that takes everything is the last. */
static void check_order(struct px_parser *parser, const struct px_node *list)
{
    uint32_t left = list->count;
    PX_NODE_FOR_EACH (item, list) {
        left--;
        const struct px_node *match = px_node_find(item, "match");
        if (item->kind != PX_NODE_MAP) {
            continue;
        }
        if (left == 0 && match) {
            px_error(parser, match->key,
                     "the last rule must match everything: remove its match, or add a rule without "
                     "match below it");
        } else if (left > 0 && !match) {
            const struct px_node *place = px_node_find(item, "name");
            px_error(parser, place ? place : item,
                     "this rule has no match and takes every request, so the %s below it %s never "
                     "reached: give it a match or move it to the end",
                     left == 1 ? "rule" : "rules", left == 1 ? "is" : "are");
            return;
        }
    }
}

void px_check_rules(struct px_parser *parser, const struct px_node *list)
{
    check_names(parser, list);
    check_order(parser, list);
}
