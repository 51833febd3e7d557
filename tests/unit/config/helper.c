#include "tests/unit/config/helper.h"

#include <errno.h>
#include <stdlib.h>

const char helper_base[] = "listen: [\"127.0.0.1:8080\"]\n"
                           "versions:\n"
                           "  blue: {endpoints: [\"127.0.0.1:5001\", \"127.0.0.1:5002\"]}\n"
                           "  green: {endpoints: [\"127.0.0.1:5101\", \"127.0.0.1:5102\"]}\n"
                           "  red: {endpoints: [\"127.0.0.1:5201\", \"127.0.0.1:5202\"]}\n"
                           "rules: [{name: main, weights: {blue: 1, green: 0, red: 0}}]\n";

struct px_config *helper_parse(const char *text)
{
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    int r = px_config_parse(tn_str_of(text), "t.yaml", "etc", &messages, &config);
    if (r < 0 || messages.count > 0) {
        char *said = px_messages_format(&messages);
        print_error("%s\n", said);
        free(said);
    }
    assert_int_equal(r, 0);
    assert_int_equal(messages.count, 0);
    px_messages_deinit(&messages);
    return config;
}

char *helper_parse_wrong(const char *text)
{
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    assert_int_equal(px_config_parse(tn_str_of(text), "t.yaml", "etc", &messages, &config),
                     -EINVAL);
    assert_null(config);
    assert_true(messages.error_count > 0);
    char *said = px_messages_format(&messages);
    px_messages_deinit(&messages);
    return said;
}

struct px_rule **helper_rules(const struct px_config *config, const char *text, uint32_t *ret_count)
{
    struct px_messages messages;
    struct px_rule **rules = NULL;
    px_messages_init(&messages);
    int r = px_config_parse_rules(tn_str_of(text), "rules", config, &messages, &rules, ret_count);
    if (r < 0) {
        char *said = px_messages_format(&messages);
        print_error("%s\n%s\n", text, said);
        free(said);
    }
    assert_int_equal(r, 0);
    px_messages_deinit(&messages);
    return rules;
}

struct px_rule *helper_rule(const struct px_config *config, const char *text)
{
    uint32_t count = 0;
    struct px_rule **rules = helper_rules(config, text, &count);
    assert_int_equal(count, 1);
    struct px_rule *rule = rules[0];
    free(rules);
    return rule;
}

char *helper_rule_text(const struct px_rule *rule)
{
    json_t *json = px_rule_to_json(rule);
    assert_non_null(json);
    char *text = json_dumps(json, 0);
    json_decref(json);
    assert_non_null(text);
    return text;
}
