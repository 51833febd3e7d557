#include "tests/unit/compare/pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

static const char base[] = "listen: [\"127.0.0.1:8080\"]\n"
                           "versions: {blue: {endpoints: [\"127.0.0.1:1\"]}, green: {endpoints: "
                           "[\"127.0.0.1:2\"]}}\n"
                           "rules: [{name: main, weights: {blue: 1}, mirror: [{to: green, compare: "
                           "%s}]}]\n";

void pair_open(struct pair *pair, const char *compare)
{
    size_t size = sizeof(base) + strlen(compare);
    char *text = malloc(size);
    struct px_messages messages;

    memset(pair, 0, sizeof(*pair));
    assert_non_null(text);
    (void)snprintf(text, size, base, compare);
    px_messages_init(&messages);
    if (px_config_parse(tn_str_of(text), "test", "", &messages, &pair->config) != 0)
        fail_msg("%s", px_messages_format(&messages));
    px_messages_deinit(&messages);
    free(text);
    pair->compare = pair->config->rules[0]->mirrors[0].compare;
    assert_non_null(pair->compare);
    assert_int_equal(px_compare_tools_init(&pair->tools), 0);
    pair->budget = (struct px_compare_budget){.decoded_bytes = 262144, .seed = 7};
    for (int i = 0; i < 2; i++) {
        pair->answers[i] = (struct px_compare_answer){
            .status = 200, .headers = pair->headers[i], .is_whole = true};
        pair_body(pair, i, "", 0);
    }
}

void pair_close(struct pair *pair)
{
    px_compare_tools_deinit(&pair->tools);
    px_config_free(pair->config);
}

void pair_body(struct pair *pair, int which, const char *body, size_t len)
{
    struct px_compare_answer *answer = &pair->answers[which];
    XXH128_hash_t hash = XXH3_128bits(body, len);

    answer->body = (struct tn_str){body, len};
    answer->body_len = len;
    answer->body_hash[0] = hash.low64;
    answer->body_hash[1] = hash.high64;
}

enum px_compare_result pair_compare(struct pair *pair)
{
    const struct px_compare_answer *primary = &pair->answers[0];
    const struct px_compare_answer *shadow = &pair->answers[1];

    px_compare_answers(pair->compare, &pair->tools, &pair->budget, primary, shadow, &pair->out);
    if (px_compare_at_a_glance(pair->compare, primary, shadow))
        assert_int_equal(pair->out.result, PX_COMPARE_SAME);
    if (pair->out.result == PX_COMPARE_SAME || pair->out.result == PX_COMPARE_SKIPPED)
        assert_int_equal(pair->out.count, 0);
    else
        assert_in_range(pair->out.count, 1, PX_COMPARE_DIFFERENCES_MAX);
    assert_true((pair->out.result == PX_COMPARE_SKIPPED) ==
                (pair->out.skip != PX_COMPARE_SKIP_COUNT));
    return pair->out.result;
}

const char *pair_said(const char *compare, const char *primary, const char *shadow)
{
    static char said[4096];
    struct pair pair;
    size_t len = 0;

    pair_open(&pair, compare);
    pair_body(&pair, 0, primary, strlen(primary));
    pair_body(&pair, 1, shadow, strlen(shadow));
    if (pair_compare(&pair) == PX_COMPARE_SKIPPED)
        len = (size_t)snprintf(said, sizeof(said), "skipped: %s",
                               px_compare_skip_label(pair.out.skip));
    else if (pair.out.count == 0)
        len = (size_t)snprintf(said, sizeof(said), "%s", px_compare_result_label(pair.out.result));
    for (uint32_t i = 0; i < pair.out.count; i++)
        len += (size_t)snprintf(said + len, sizeof(said) - len, "%s%s %s", i == 0 ? "" : ", ",
                                px_compare_kind_label(pair.out.differences[i].kind),
                                pair.out.differences[i].path);
    if (pair.out.has_more)
        (void)snprintf(said + len, sizeof(said) - len, " and more");
    pair_close(&pair);
    return said;
}
