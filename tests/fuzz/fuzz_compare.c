/* Two answers, one behind the other, the second after a line "---": compared under configurations
 * that use every part of it, plain and as gzip and deflate. Hostile bytes must not crash, hang or
 * make an answer differ from itself; what is told must be text. */
#include "tests/fuzz/fuzz.h"

#include "proxy/compare/compare.h"
#include "proxy/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#define BODY_MAX 20000
#define SEPARATOR "\n---\n"

static const char *const configurations[] = {
    "{}",
    "{ignore: [/id, '/**/t', '/a/*/b', '/**/a/**/b'], tolerance: {/n: 0.5, '/**/p': 5%}}",
    "{unordered: ['', '/**'], ignore: ['/**/x'], normalize: [timestamps, uuids, hex, numbers]}",
    ("{headers: [X-A], normalize: [{regex: '(a|b)+c?', replace: N}, {regex: '', replace: '-'}], "
     "unordered: [/items], tolerance: {'/items/*/p': 1}}"),
};
#define CONFIGURATIONS (sizeof(configurations) / sizeof(configurations[0]))

static struct px_config *configs[CONFIGURATIONS];
static struct px_compare_tools tools;

static void start(void)
{
    for (size_t i = 0; i < CONFIGURATIONS; i++) {
        char text[1024];
        struct px_messages messages;

        (void)snprintf(
            text, sizeof(text),
            "listen: [\"127.0.0.1:1\"]\nversions: {a: {endpoints: [\"127.0.0.1:2\"]}, b: "
            "{endpoints: [\"127.0.0.1:3\"]}}\nrules: [{name: m, weights: {a: 1}, mirror: "
            "[{to: b, compare: %s}]}]\n",
            configurations[i]);
        px_messages_init(&messages);
        if (px_config_parse(tn_str_of(text), "fuzz", "", &messages, &configs[i]) != 0)
            abort();
        px_messages_deinit(&messages);
    }
    if (px_compare_tools_init(&tools) != 0)
        abort();
}

static void check_text(const char *path)
{
    size_t len = strnlen(path, PX_COMPARE_PATH_BYTES);

    if (len == PX_COMPARE_PATH_BYTES)
        abort();
}

static void check(const struct px_compare_outcome *out)
{
    bool has_none = out->result == PX_COMPARE_SAME || out->result == PX_COMPARE_SKIPPED;

    if (out->result >= PX_COMPARE_RESULT_COUNT || out->count > PX_COMPARE_DIFFERENCES_MAX ||
        has_none != (out->count == 0) ||
        (out->result == PX_COMPARE_SKIPPED) != (out->skip != PX_COMPARE_SKIP_COUNT))
        abort();
    for (uint32_t i = 0; i < out->count; i++) {
        check_text(out->differences[i].path);
        for (uint32_t k = 0; k < i; k++) {
            if (out->differences[i].kind == out->differences[k].kind &&
                strcmp(out->differences[i].path, out->differences[k].path) == 0)
                abort();
        }
    }
}

static struct px_compare_answer answer_of(struct tn_str body, struct tn_str encoding,
                                          const struct tn_str *headers)
{
    XXH128_hash_t hash = XXH3_128bits(body.ptr, body.len);

    return (struct px_compare_answer){.status = 200,
                                      .headers = headers,
                                      .content_encoding = encoding,
                                      .body = body,
                                      .body_len = body.len,
                                      .body_hash = {hash.low64, hash.high64},
                                      .is_whole = true};
}

static enum px_compare_result compare(const struct px_compare *how, struct tn_str a,
                                      struct tn_str b, struct tn_str encoding)
{
    const struct px_compare_budget budget = {.decoded_bytes = 65536, .seed = 1};
    struct tn_str headers[2][PX_COMPARE_HEADERS_MAX] = {{{0}}};
    struct px_compare_answer answers[2] = {answer_of(a, encoding, headers[0]),
                                           answer_of(b, encoding, headers[1])};
    struct px_compare_outcome out;

    headers[0][0] = (struct tn_str){a.ptr, a.len < 50 ? a.len : 50};
    headers[1][0] = (struct tn_str){b.ptr, b.len < 50 ? b.len : 50};
    px_compare_answers(how, &tools, &budget, &answers[0], &answers[1], &out);
    check(&out);
    if (px_compare_at_a_glance(how, &answers[0], &answers[1]) && out.result != PX_COMPARE_SAME)
        abort();
    return out.result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const encodings[] = {"", "gzip", "deflate"};
    struct tn_str a = {(const char *)data, size};
    struct tn_str b = {(const char *)data, size};
    char *split = size > 0 ? memmem(data, size, SEPARATOR, sizeof(SEPARATOR) - 1) : NULL;

    if (size > BODY_MAX)
        return 0;
    if (!configs[0])
        start();
    if (split) {
        a.len = (size_t)(split - a.ptr);
        b.ptr = split + sizeof(SEPARATOR) - 1;
        b.len = size - a.len - (sizeof(SEPARATOR) - 1);
    }
    for (size_t i = 0; i < CONFIGURATIONS; i++) {
        const struct px_compare *how = configs[i]->rules[0]->mirrors[0].compare;

        for (size_t e = 0; e < sizeof(encodings) / sizeof(encodings[0]); e++) {
            struct tn_str encoding = tn_str_of(encodings[e]);
            enum px_compare_result result = compare(how, a, b, encoding);

            if (compare(how, a, a, encoding) != PX_COMPARE_SAME)
                abort();
            /* without tolerance and pairs it does not matter who is who */
            if (i == 0 && result != compare(how, b, a, encoding))
                abort();
        }
    }
    return 0;
}
