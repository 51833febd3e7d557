#include "tests/unit/config/helper.h"

#include "lib/base/random.h"
#include "lib/http/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static int parse_base(void **state)
{
    *state = helper_parse(helper_base);
    return 0;
}

static int free_base(void **state)
{
    px_config_free(*state);
    return 0;
}

/* --- fields ----------------------------------------------------------------------------------- */

static void test_rules_all_kinds_of_matches(void **state)
{
    uint32_t count;
    struct px_rule **rules = helper_rules(
        *state,
        "- name: a\n"
        "  match:\n"
        "    - {host: example.org, path: {prefix: /api/, not: true}, method: {regex: '^P'}}\n"
        "    - headers: [{name: X-A, value: b}, {name: X-B, exact: ''}, {name: X-C, prefix: c},\n"
        "                {name: X-D, regex: '^d+$', not: true}, {name: X-E, present: true}]\n"
        "      cookies: [{name: beta, value: 1}]\n"
        "      query: [{name: 'a b', present: true, not: true}]\n"
        "  weights: {green: 1}\n"
        "- {name: main, weights: {blue: 1}}\n",
        &count);
    assert_int_equal(count, 2);
    const struct px_rule *rule = rules[0];
    assert_false(px_rule_matches_all(rule));
    assert_int_equal(rule->match_count, 2);
    const struct px_match *first = &rule->matches[0];
    assert_int_equal(first->host->kind, PX_MATCH_EXACT);
    assert_string_equal(first->host->text, "example.org");
    assert_null(first->host->name);
    assert_int_equal(first->path->kind, PX_MATCH_PREFIX);
    assert_true(first->path->negate);
    assert_int_equal(first->method->kind, PX_MATCH_REGEX);
    assert_non_null(first->method->regex);
    assert_int_equal(first->header_count + first->cookie_count + first->query_count, 0);
    const struct px_match *second = &rule->matches[1];
    assert_null(second->host);
    assert_int_equal(second->header_count, 5);
    assert_string_equal(second->headers[1].text, "");
    assert_int_equal(second->headers[3].kind, PX_MATCH_REGEX);
    assert_true(second->headers[3].negate);
    assert_int_equal(second->headers[4].kind, PX_MATCH_PRESENT);
    assert_null(second->headers[4].text);
    assert_string_equal(second->cookies[0].text, "1");
    assert_string_equal(second->query[0].name, "a b");
    assert_true(second->query[0].negate);
    px_rules_free(rules, count);
}

static int match_regex(const struct px_match_value *value, const char *subject)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(value->regex, NULL);
    int r = pcre2_match(value->regex, (PCRE2_SPTR)subject, strlen(subject), 0, 0, data, NULL);
    pcre2_match_data_free(data);
    return r;
}

static void test_rules_a_regex_searches_bytes(void **state)
{
    uint32_t count;
    struct px_rule **rules = helper_rules(
        *state,
        "[{name: a, match: [{headers: [{name: X, regex: 'b+$'}]}], weights: {green: 1}},"
        " {name: main, weights: {blue: 1}}]",
        &count);
    const struct px_match_value *value = &rules[0]->matches[0].headers[0];
    assert_true(match_regex(value, "abb") > 0);
    assert_true(match_regex(value, "\xff\xfe b") > 0); /* no UTF, so no error for these */
    assert_int_equal(match_regex(value, "abb\n"), PCRE2_ERROR_NOMATCH); /* '$' is the very end */
    assert_int_equal(match_regex(value, "bc"), PCRE2_ERROR_NOMATCH);
    px_rules_free(rules, count);
}

static void test_rules_weights_are_in_the_order_of_versions(void **state)
{
    struct px_rule *rule = helper_rule(
        *state, "[{name: main, stable: red, weights: {red: 3, blue: 0, green: 1000000}}]");
    assert_int_equal(rule->weight_count, 3);
    assert_string_equal(rule->weights[0].version, "blue");
    assert_int_equal(rule->weights[0].weight, 0);
    assert_string_equal(rule->weights[1].version, "green");
    assert_int_equal(rule->weights[1].weight, 1000000);
    assert_string_equal(rule->weights[2].version, "red");
    assert_int_equal(rule->weights[2].weight, 3);
    assert_string_equal(rule->stable, "red");
    px_rule_free(rule);
}

static void test_rules_stickiness(void **state)
{
    static const struct {
        const char *by;
        enum px_sticky_by kind;
        const char *name;
    } rows[] = {
        {"cookie", PX_STICKY_COOKIE, "turnout"},
        {"cookie, name: lane", PX_STICKY_COOKIE, "lane"},
        {"'cookie:session'", PX_STICKY_OWN_COOKIE, "session"},
        {"header:X-User", PX_STICKY_HEADER, "X-User"},
        {"client_ip", PX_STICKY_CLIENT_IP, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "[{name: main, weights: {blue: 1}, sticky: {by: %s, scope: endpoint, on_missing: "
                 "fail}}]",
                 rows[i].by);
        struct px_rule *rule = helper_rule(*state, text);
        assert_int_equal(rule->sticky.by, rows[i].kind);
        if (rows[i].name) {
            assert_string_equal(rule->sticky.name, rows[i].name);
        } else {
            assert_null(rule->sticky.name);
        }
        assert_string_equal(rule->sticky.seed, "main");
        assert_true(rule->sticky.scope_endpoint);
        assert_true(rule->sticky.on_missing_fail);
        assert_false(rule->sticky.affinity_session);
        px_rule_free(rule);
    }
}

static void test_rules_stickiness_by_session(void **state)
{
    /* name before by: the order of keys plays no part */
    struct px_rule *rule =
        helper_rule(*state, "[{name: main, weights: {blue: 1}, sticky: {name: lane, max_age: 30d, "
                            "key_file: keys/a, affinity: session, seed: s, by: cookie}}]");
    assert_true(rule->sticky.affinity_session);
    assert_string_equal(rule->sticky.name, "lane");
    assert_string_equal(rule->sticky.seed, "s");
    assert_string_equal(rule->sticky.key_file, "etc/keys/a");
    assert_string_equal(rule->sticky.key_file_written, "keys/a");
    assert_int_equal(rule->sticky.max_age_ms, 30ull * 24 * 3600 * 1000);
    px_rule_free(rule);
}

static void test_rules_mirrors(void **state)
{
    struct px_rule *rule = helper_rule(
        *state, "[{name: main, weights: {blue: 1}, sticky: {by: client_ip}, mirror: [{to: green},"
                "{to: red, percent: 0.1 %, methods: [POST, GET], sample: key, max_body: unlimited,"
                " drop_headers: [Authorization, Cookie]}]}]");
    assert_int_equal(rule->mirror_count, 2);
    assert_string_equal(rule->mirrors[0].to, "green");
    assert_int_equal(rule->mirrors[0].ppm, 1000000);
    assert_int_equal(rule->mirrors[0].methods, 1u << TN_HTTP_GET | 1u << TN_HTTP_HEAD);
    assert_false(rule->mirrors[0].sample_key);
    assert_int_equal(rule->mirrors[0].max_body_bytes, 16777216);
    assert_int_equal(rule->mirrors[0].drop_header_count, 0);
    assert_int_equal(rule->mirrors[1].ppm, 1000);
    assert_int_equal(rule->mirrors[1].methods, 1u << TN_HTTP_GET | 1u << TN_HTTP_POST);
    assert_true(rule->mirrors[1].sample_key);
    assert_true(rule->mirrors[1].max_body_bytes == PX_NO_LIMIT);
    assert_int_equal(rule->mirrors[1].drop_header_count, 2);
    assert_string_equal(rule->mirrors[1].drop_headers[1], "Cookie");
    px_rule_free(rule);
}

static void test_rules_timeouts_can_be_off(void **state)
{
    struct px_rule *rule = helper_rule(
        *state, "[{name: main, weights: {blue: 1}, max_body: 1, timeouts: {connect: 5s, "
                "first_byte: off, idle: off, total: 1h}}]");
    assert_int_equal(rule->timeouts.connect_ms, 5000);
    assert_true(rule->timeouts.first_byte_ms == PX_NO_LIMIT);
    assert_true(rule->timeouts.idle_ms == PX_NO_LIMIT);
    assert_int_equal(rule->timeouts.total_ms, 3600000);
    assert_int_equal(rule->max_body_bytes, 1);
    px_rule_free(rule);
}

static void test_rules_warnings_do_not_refuse(void **state)
{
    struct px_messages messages;
    struct px_rule **rules = NULL;
    uint32_t count = 0;
    px_messages_init(&messages);
    int r =
        px_config_parse_rules(TN_STR("[{name: main, weights: {blue: 1}, mirror: [{to: blue}]}]"),
                              "x", *state, &messages, &rules, &count);
    assert_int_equal(r, 0);
    assert_int_equal(messages.count, 1);
    assert_int_equal(messages.items[0].severity, PX_WARNING);
    assert_int_equal(messages.error_count, 0);
    px_rules_free(rules, count);
    px_messages_deinit(&messages);
}

static void test_rules_wrong_ones_leave_results_alone(void **state)
{
    struct px_messages messages;
    struct px_rule **rules = (void *)&messages;
    uint32_t count = 4711;
    px_messages_init(&messages);
    int r = px_config_parse_rules(TN_STR("[{name: main}]"), "x", *state, &messages, &rules, &count);
    assert_int_equal(r, -EINVAL);
    assert_ptr_equal(rules, &messages);
    assert_int_equal(count, 4711);
    /* messages may be used again: errors of before are not errors of this text */
    r = px_config_parse_rules(TN_STR("[{name: main, weights: {blue: 1}}]"), "x", *state, &messages,
                              &rules, &count);
    assert_int_equal(r, 0);
    px_rules_free(rules, count);
    px_messages_deinit(&messages);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void check_text(const struct px_config *config, const char *text, const char *wanted)
{
    struct px_rule *rule = helper_rule(config, text);
    char *written = helper_rule_text(rule);
    assert_string_equal(written, wanted);
    free(written);
    px_rule_free(rule);
}

static void test_rules_defaults_are_left_out(void **state)
{
    check_text(
        *state,
        "[{name: main, stable: blue, weights: {blue: 1}, timeouts: {connect: 1000ms, first_byte: "
        "30s, "
        "idle: 5m, total: off}, max_body: unlimited, on_unhealthy: fail, "
        "made_by_route: false, sticky: {by: cookie, name: turnout, seed: main, affinity: "
        "user, scope: version}, mirror: [{to: green, percent: 100, methods: [HEAD, GET], "
        "sample: request, max_body: 16MiB}], guard: {max_error_rate: 5 %, min_requests: 50}, "
        "goals: [{name: a, match: {path: {value: /x}}, status: 2xx}]}]",
        "{\"name\": \"main\", \"stable\": \"blue\", \"weights\": {\"blue\": 1}, \"sticky\": "
        "{\"by\": "
        "\"cookie\"}, \"guard\": {\"max_error_rate\": \"5%\"}, \"goals\": [{\"name\": \"a\", "
        "\"match\": {\"path\": \"/x\"}}], "
        "\"mirror\": [{\"to\": \"green\"}]}");
}

static void test_rules_everything_is_written(void **state)
{
    check_text(
        *state,
        "[{name: main, stable: red, weights: {green: 0, blue: 5}, timeouts: {connect: 1500ms, "
        "first_byte: off, idle: 60s, total: 60m}, max_body: 65536, on_unhealthy: failover, "
        "made_by_route: true, sticky: {by: cookie, name: lane, seed: s, affinity: "
        "session, scope: endpoint, on_missing: fail, key_file: ./k, max_age: 24h}, mirror: "
        "[{to: green, percent: 0.5, methods: [POST], sample: key, max_body: 0, "
        "drop_headers: [A], compare: {headers: [X-A], ignore: [/id, '/a~1b/*', '/**/t'], "
        "normalize: [timestamps, {regex: 'a+', replace: b}, {regex: c}], tolerance: {/p: 0.50, "
        "/q: 5%}, groups: [{name: user, path: '^/users/'}], unordered: ['']}, baseline: {percent: "
        "2%, paths: ['^/x'], side_effect_free: true}, keep_pairs: 5}], "
        "guard: {worse: abort, max_error_rate: 0.5, consecutive_failures: 9, "
        "min_requests: 51}, goals: [{name: a, match: {path: /x, method: POST}, status: 201}, "
        "{name: b, match: {path: /y}, status: 3xx}, {name: c, match: {path: /z}}]}]",
        "{\"name\": \"main\", \"stable\": \"red\", \"weights\": {\"blue\": 5, \"green\": 0}, "
        "\"sticky\": {\"by\": \"cookie\", \"name\": \"lane\", \"seed\": \"s\", \"affinity\": "
        "\"session\", \"scope\": \"endpoint\", \"on_missing\": \"fail\", \"key_file\": "
        "\"./k\", \"max_age\": \"1d\"}, \"on_unhealthy\": \"failover\", \"guard\": {\"worse\": "
        "\"abort\", "
        "\"max_error_rate\": \"0.5%\", \"consecutive_failures\": 9, \"min_requests\": 51}, "
        "\"goals\": [{\"name\": \"a\", \"match\": {\"path\": \"/x\", \"method\": \"POST\"}, "
        "\"status\": \"201\"}, {\"name\": \"b\", \"match\": {\"path\": \"/y\"}, \"status\": "
        "\"3xx\"}, {\"name\": \"c\", \"match\": {\"path\": \"/z\"}}], \"mirror\": [{\"to\": "
        "\"green\", \"percent\": \"0.5%\", \"methods\": [\"POST\"], \"sample\": \"key\", "
        "\"drop_headers\": [\"A\"], \"max_body\": \"0\", \"compare\": {\"headers\": [\"X-A\"], "
        "\"ignore\": [\"/id\", \"/a~1b/*\", \"/**/t\"], \"normalize\": [\"timestamps\", "
        "{\"regex\": \"a+\", \"replace\": \"b\"}, {\"regex\": \"c\", \"replace\": \"\"}], "
        "\"tolerance\": {\"/p\": \"0.50\", \"/q\": \"5%\"}, \"groups\": [{\"name\": \"user\", "
        "\"path\": \"^/users/\"}], \"unordered\": [\"\"]}, \"baseline\": {\"percent\": \"2%\", "
        "\"side_effect_free\": true, \"paths\": [\"^/x\"]}, \"keep_pairs\": 5}], \"timeouts\": "
        "{\"connect\": "
        "\"1500ms\", \"first_byte\": \"off\", \"idle\": \"1m\", \"total\": \"1h\"}, "
        "\"max_body\": \"64KiB\", \"made_by_route\": true}");
}

static void test_rules_comparison_has_an_id_of_its_meaning(void **state)
{
    static const char *const same[] = {"compare: {ignore: [/a]}", "compare: {'ignore': ['/a']}",
                                       "percent: 5%, compare: {ignore: [/a]}"};
    static const char *const others[] = {
        "compare: {}", "compare: {ignore: [/b]}", "compare: {ignore: [/a]}, keep_pairs: 1",
        "compare: {ignore: [/a]}, baseline: {percent: 1%, side_effect_free: true}"};
    uint64_t wanted = 0;
    for (size_t i = 0; i < 7; i++) {
        char text[200];
        (void)snprintf(text, sizeof(text),
                       "[{name: main, weights: {blue: 1}, mirror: [{to: green, %s}]}]",
                       i < 3 ? same[i] : others[i - 3]);
        struct px_rule *rule = helper_rule(*state, text);
        uint64_t id = px_compare_id(&rule->mirrors[0]);
        assert_true(id != 0);
        wanted = i == 0 ? id : wanted;
        assert_true((id == wanted) == (i < 3));
        px_rule_free(rule);
    }
}

static void test_rules_hash_is_of_the_meaning(void **state)
{
    struct px_rule *a = helper_rule(*state, "[{name: main, stable: blue, weights: {blue: 9, green: "
                                            "1}, timeouts: {idle: 5m}}]");
    struct px_rule *b =
        helper_rule(*state, "- weights:\n    green: 1\n    blue: 9\n  stable: blue\n"
                            "  max_body: unlimited\n  name: 'main'\n");
    struct px_rule *c =
        helper_rule(*state, "[{name: main, stable: blue, weights: {blue: 9, green: 2}}]");
    assert_true(px_rule_hash(a) == px_rule_hash(b));
    assert_true(px_rule_hash(a) != px_rule_hash(c));
    assert_true(px_rule_hash(a) != 0);
    px_rule_free(a);
    px_rule_free(b);
    px_rule_free(c);
}

static void test_rules_are_shared(void **state)
{
    struct px_rule *rule = helper_rule(*state, "[{name: main, weights: {blue: 1}}]");
    assert_ptr_equal(px_rule_ref(rule), rule);
    px_rule_free(rule);
    assert_string_equal(rule->name, "main");
    px_rule_free(rule);
    px_rule_free(NULL);
}

/* --- any rule comes back as it was ------------------------------------------------------------ */

static uint32_t below(struct tn_random *random, uint32_t n)
{
    return (uint32_t)(tn_random_u64(random) % n);
}

static const char *any_of(struct tn_random *random, const char *const *words, uint32_t count)
{
    return words[below(random, count)];
}

static json_t *any_text(struct tn_random *random)
{
    static const char *const texts[] = {"green",
                                        "1",
                                        "true",
                                        "null",
                                        "~",
                                        "a: b",
                                        "# no",
                                        "- x",
                                        "\"",
                                        "'",
                                        "\\d+",
                                        "{a}",
                                        "[b]",
                                        "&a",
                                        "*b",
                                        "!c",
                                        "%d",
                                        "@e",
                                        "`f",
                                        "a, b",
                                        " spaced ",
                                        "\xc3\xa4\xe2\x82\xac",
                                        "\xf0\x9f\x9a\x82",
                                        "=",
                                        "<<",
                                        "2024-01-01",
                                        "0x1F",
                                        ".inf"};
    return json_string(any_of(random, texts, sizeof(texts) / sizeof(texts[0])));
}

static json_t *any_value(struct tn_random *random, bool is_named, const char *start)
{
    static const char *const regexes[] = {"^a+$", "[0-9]{2,3}", "(x|y)", "\\.png$", "\"q\""};
    json_t *value = json_object();
    if (is_named) {
        static const char *const names[] = {"X-Version", "beta", "a.b", "x_y", "__Host-c"};
        json_object_set_new(value, "name", json_string(any_of(random, names, 5)));
    }
    switch (below(random, is_named ? 4 : 3)) {
    case 0:
        json_object_set_new(value, below(random, 2) ? "value" : "exact",
                            start ? json_string(start) : any_text(random));
        break;
    case 1:
        json_object_set_new(value, "prefix", start ? json_string(start) : any_text(random));
        break;
    case 2:
        json_object_set_new(value, "regex", json_string(any_of(random, regexes, 5)));
        break;
    default:
        json_object_set_new(value, "present", json_true());
    }
    if (below(random, 3) == 0) {
        json_object_set_new(value, "not", json_boolean(below(random, 2)));
    }
    return value;
}

static void add_values(struct tn_random *random, json_t *match, const char *key)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i <= below(random, 3); i++) {
        json_array_append_new(list, any_value(random, true, NULL));
    }
    json_object_set_new(match, key, list);
}

static json_t *any_match(struct tn_random *random)
{
    json_t *match = json_object();
    uint32_t what = 1 + below(random, 63);
    if (what & 1) {
        json_object_set_new(match, "host", any_value(random, false, "example.org"));
    }
    if (what & 2) {
        json_object_set_new(match, "path",
                            below(random, 2) ? json_string("/a b/\xc3\xa4")
                                             : any_value(random, false, "/x"));
    }
    if (what & 4) {
        json_object_set_new(match, "method", any_value(random, false, "POST"));
    }
    if (what & 8) {
        add_values(random, match, "headers");
    }
    if (what & 16) {
        add_values(random, match, "cookies");
    }
    if (what & 32) {
        add_values(random, match, "query");
    }
    return match;
}

static json_t *any_sticky(struct tn_random *random)
{
    static const char *const bys[] = {"cookie", "cookie", "client_ip", "header:X-User",
                                      "cookie:sid"};
    json_t *sticky = json_object();
    const char *by = any_of(random, bys, 5);
    json_object_set_new(sticky, "by", json_string(by));
    if (strcmp(by, "cookie") == 0) {
        bool is_session = below(random, 2);
        if (below(random, 2)) {
            json_object_set_new(sticky, "name", json_string(below(random, 2) ? "turnout" : "lane"));
        }
        if (is_session || below(random, 2)) {
            json_object_set_new(sticky, "key_file", json_string(below(random, 2) ? "./k" : "/k"));
        }
        if (below(random, 2)) {
            json_object_set_new(sticky, "max_age", json_sprintf("%us", 1 + below(random, 100000)));
        }
        json_object_set_new(sticky, "affinity", json_string(is_session ? "session" : "user"));
    }
    if (below(random, 2)) {
        json_object_set_new(sticky, "seed",
                            below(random, 2) ? json_string("main")
                                             : json_string("spring \"sale\""));
    }
    if (below(random, 2)) {
        json_object_set_new(sticky, "scope", json_string("endpoint"));
        json_object_set_new(sticky, "on_missing", json_string(below(random, 2) ? "fail" : "spill"));
    }
    return sticky;
}

static json_t *any_duration(struct tn_random *random, bool may_be_off)
{
    static const char *const units[] = {"ms", "s", "m"};
    if (may_be_off && below(random, 4) == 0) {
        return json_string("off");
    }
    return json_sprintf("%u%s", 1 + below(random, 1000), any_of(random, units, 3));
}

static json_t *any_size(struct tn_random *random)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    if (below(random, 4) == 0) {
        return json_string("unlimited");
    }
    return json_sprintf("%u%s", 1 + below(random, 5000), any_of(random, units, 4));
}

static json_t *any_compare(struct tn_random *random)
{
    static const char *const words[] = {"timestamps", "uuids", "hex", "numbers"};
    json_t *compare = json_object();
    if (below(random, 2)) {
        json_object_set_new(compare, "ignore", json_pack("[sss]", "/id", "", "/a/*/~0~1"));
    }
    if (below(random, 2)) {
        json_object_set_new(compare, "normalize", json_pack("[s]", words[below(random, 4)]));
    }
    if (below(random, 2)) {
        json_object_set_new(compare, "tolerance", json_pack("{ss}", "/p", "0.01"));
    }
    if (below(random, 2)) {
        json_object_set_new(compare, "headers", json_pack("[s]", "X-A"));
    }
    if (below(random, 2)) {
        json_object_set_new(compare, "groups",
                            json_pack("[{ss, ss}]", "name", "g", "path", "^/[a-z]+$"));
    }
    return compare;
}

static json_t *any_mirror(struct tn_random *random, const char *to)
{
    static const char *const methods[] = {"GET",    "HEAD",    "POST", "PUT",
                                          "DELETE", "OPTIONS", "PATCH"};
    json_t *mirror = json_object();
    json_object_set_new(mirror, "to", json_string(to));
    if (below(random, 3)) {
        uint32_t ppm = below(random, 1000001);
        json_object_set_new(mirror, "percent",
                            below(random, 2)
                                ? json_integer(below(random, 101))
                                : json_sprintf("%u.%04u %%", ppm / 10000, ppm % 10000));
    }
    uint32_t set = below(random, 128);
    json_t *list = json_array();
    for (uint32_t i = 0; i < 7; i++) {
        if (set & (1u << i)) {
            json_array_append_new(list, json_string(methods[i]));
        }
    }
    if (set) {
        json_object_set(mirror, "methods", list);
    }
    json_decref(list);
    if (below(random, 2)) {
        json_object_set_new(mirror, "sample", json_string("key"));
    }
    if (below(random, 2)) {
        json_object_set_new(mirror, "drop_headers", json_pack("[ss]", "Authorization", "Cookie"));
    }
    if (below(random, 2)) {
        json_object_set_new(mirror, "max_body", any_size(random));
    }
    if (below(random, 2)) {
        json_object_set_new(mirror, "compare", any_compare(random));
    }
    return mirror;
}

static json_t *any_rule(struct tn_random *random, const char *name, bool has_match)
{
    json_t *rule =
        json_pack("{ss, ss, s{si}}", "name", name, "stable", below(random, 2) ? "blue" : "red",
                  "weights", "green", 1 + below(random, 1000));
    json_t *weights = json_object_get(rule, "weights");
    if (below(random, 2)) {
        json_object_set_new(weights, "blue", json_integer(below(random, 1000001)));
    }
    if (below(random, 2)) {
        json_object_set_new(weights, "red", json_integer(below(random, 3)));
    }
    if (has_match) {
        json_t *list = json_array();
        for (uint32_t i = 0; i <= below(random, 3); i++) {
            json_array_append_new(list, any_match(random));
        }
        json_object_set_new(rule, "match", list);
    }
    json_object_set_new(rule, "sticky", any_sticky(random));
    if (below(random, 2)) {
        json_object_set_new(rule, "on_unhealthy",
                            json_string(below(random, 2) ? "fail" : "failover"));
    }
    if (below(random, 2)) {
        json_t *list = json_array();
        json_array_append_new(list, any_mirror(random, "red"));
        json_array_append_new(list, any_mirror(random, "green"));
        json_object_set_new(rule, "mirror", list);
    }
    if (below(random, 2)) {
        json_object_set_new(rule, "timeouts",
                            json_pack("{so, so}", below(random, 2) ? "total" : "idle",
                                      any_duration(random, true), "connect",
                                      any_duration(random, false)));
    }
    if (below(random, 2)) {
        json_object_set_new(rule, "max_body", any_size(random));
    }
    json_object_set_new(rule, "made_by_route", json_boolean(below(random, 2)));
    return rule;
}

static json_t *rules_to_json(struct px_rule **rules, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        json_array_append_new(list, px_rule_to_json(rules[i]));
    }
    return list;
}

static void check_same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a) {
        assert_string_equal(a, b);
    }
}

/* JSON leaves defaults out; the structs must agree on them too. */
static void check_same_rule(const struct px_rule *a, const struct px_rule *b)
{
    assert_memory_equal(&a->timeouts, &b->timeouts, sizeof(a->timeouts));
    assert_true(a->max_body_bytes == b->max_body_bytes);
    assert_int_equal(a->made_by_route, b->made_by_route);
    assert_int_equal(a->on_unhealthy, b->on_unhealthy);
    assert_int_equal(a->match_count, b->match_count);
    assert_int_equal(a->weight_count, b->weight_count);
    assert_int_equal(a->mirror_count, b->mirror_count);
    check_same_text(a->stable, b->stable);
    check_same_text(a->sticky.name, b->sticky.name);
    check_same_text(a->sticky.seed, b->sticky.seed);
    check_same_text(a->sticky.key_file, b->sticky.key_file);
    check_same_text(a->sticky.key_file_written, b->sticky.key_file_written);
    assert_int_equal(a->sticky.by, b->sticky.by);
    assert_int_equal(a->sticky.affinity_session, b->sticky.affinity_session);
    assert_int_equal(a->sticky.scope_endpoint, b->sticky.scope_endpoint);
    assert_int_equal(a->sticky.on_missing_fail, b->sticky.on_missing_fail);
    assert_true(a->sticky.max_age_ms == b->sticky.max_age_ms);
    for (uint32_t i = 0; i < a->mirror_count; i++) {
        assert_int_equal(a->mirrors[i].ppm, b->mirrors[i].ppm);
        assert_int_equal(a->mirrors[i].methods, b->mirrors[i].methods);
        assert_int_equal(a->mirrors[i].sample_key, b->mirrors[i].sample_key);
        assert_true(a->mirrors[i].max_body_bytes == b->mirrors[i].max_body_bytes);
    }
}

static void test_rules_any_list_comes_back(void **state)
{
    struct tn_random random;
    tn_random_init_seeded(&random, 7);
    for (int round = 0; round < 400; round++) {
        json_t *said = json_array();
        json_array_append_new(said, any_rule(&random, "main/ab-1", true));
        json_array_append_new(said, any_rule(&random, "a.b_c-d", true));
        json_array_append_new(said, any_rule(&random, "main", false));
        uint32_t count;
        uint32_t again_count;
        char *text = json_dumps(said, round % 2 ? JSON_COMPACT : JSON_INDENT(2));
        struct px_rule **rules = helper_rules(*state, text, &count);
        json_t *written = rules_to_json(rules, count);
        free(text);
        text = json_dumps(written, round % 2 ? 0 : JSON_INDENT(4) | JSON_COMPACT);
        struct px_rule **again = helper_rules(*state, text, &again_count);
        json_t *rewritten = rules_to_json(again, again_count);
        assert_int_equal(count, again_count);
        assert_true(json_equal(written, rewritten));
        for (uint32_t i = 0; i < count; i++) {
            assert_true(px_rule_hash(rules[i]) == px_rule_hash(again[i]));
            check_same_rule(rules[i], again[i]);
        }
        free(text);
        json_decref(said);
        json_decref(written);
        json_decref(rewritten);
        px_rules_free(rules, count);
        px_rules_free(again, again_count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_all_kinds_of_matches),
        cmocka_unit_test(test_rules_a_regex_searches_bytes),
        cmocka_unit_test(test_rules_weights_are_in_the_order_of_versions),
        cmocka_unit_test(test_rules_stickiness),
        cmocka_unit_test(test_rules_stickiness_by_session),
        cmocka_unit_test(test_rules_mirrors),
        cmocka_unit_test(test_rules_timeouts_can_be_off),
        cmocka_unit_test(test_rules_warnings_do_not_refuse),
        cmocka_unit_test(test_rules_wrong_ones_leave_results_alone),
        cmocka_unit_test(test_rules_defaults_are_left_out),
        cmocka_unit_test(test_rules_everything_is_written),
        cmocka_unit_test(test_rules_comparison_has_an_id_of_its_meaning),
        cmocka_unit_test(test_rules_hash_is_of_the_meaning),
        cmocka_unit_test(test_rules_are_shared),
        cmocka_unit_test(test_rules_any_list_comes_back),
    };
    return cmocka_run_group_tests(tests, parse_base, free_base);
}
