/*
 * Published answers, which no change may alter: tests/fixtures/strategies/vectors.txt, by which
 * another implementation is checked too (docs/reference/traffic.md says what is computed).
 *
 *   test_strategies_vectors                what ctest runs
 *   test_strategies_vectors --print        the table, as it is computed now
 */
#include "tests/unit/strategies/sample.h"

#include <inttypes.h>
#include <stdlib.h>

#define NUMBERS_MAX 24

static const uint64_t ids[] = {0x626c7565, 0x677265656e, 0x796f, 0x7265640a, 0x67726579};

struct row {
    char kind[24];
    uint64_t numbers[3]; /* what stands before the list */
    uint64_t list[NUMBERS_MAX];
    uint32_t count;
};

/* What is computed of a row, whatever stands behind its arrow. */
static uint64_t answer(const struct row *row)
{
    uint32_t weights[STRATEGY_VERSIONS_MAX] = {0};
    struct strategy_endpoint endpoints[NUMBERS_MAX] = {{0}};

    for (uint32_t i = 0; i < row->count; i++) {
        if (i < STRATEGY_VERSIONS_MAX)
            weights[i] = (uint32_t)row->list[i];
        endpoints[i] = (struct strategy_endpoint){.index = (uint32_t)row->list[i], .up = true};
    }
    if (strcmp(row->kind, "mix") == 0)
        return strategy_mix(row->numbers[0]);
    if (strcmp(row->kind, "slot") == 0)
        return strategy_slot(row->numbers[0], weights, row->count, row->numbers[1]);
    if (strcmp(row->kind, "key") == 0)
        return strategy_rendezvous(row->numbers[0], ids, weights, row->count);
    if (strcmp(row->kind, "endpoint") == 0) {
        const struct strategy_endpoint_question question = {
            .endpoints = endpoints, .count = row->count, .has_key = true, .key = row->numbers[0]};

        return endpoints[strategy_balance_ops(STRATEGY_HASH)->choose(&question)].index;
    }
    if (strcmp(row->kind, "mirror") == 0)
        return strategy_mirror_sample(row->numbers[0], (uint32_t)row->list[0], row->numbers[1]);
    assert_string_equal(row->kind, "mirror_key");
    return strategy_mirror_sample_key(row->numbers[0], (uint32_t)row->list[0], row->numbers[1]);
}

static void print_row(const struct row *row)
{
    printf("%s 0x%016" PRIx64 " %" PRIu64 " ", row->kind, row->numbers[0], row->numbers[1]);
    for (uint32_t i = 0; i < row->count; i++)
        printf("%s%" PRIu64, i > 0 ? "," : "", row->list[i]);
    printf("%s -> %" PRIu64 "\n", row->count > 0 ? "" : "-", answer(row));
}

static void print_kind(const char *kind, uint64_t *random)
{
    static const uint64_t lists[][6] = {{2, 90, 10},         {2, 60, 40},     {2, 999, 1},
                                        {2, 1, 1},           {3, 50, 30, 20}, {4, 40, 30, 20, 10},
                                        {5, 1, 2, 4, 8, 85}, {3, 0, 7, 3},    {2, 999999, 1000000}};
    bool is_mirror = strncmp(kind, "mirror", 6) == 0;

    for (int i = 0; i < 45; i++) {
        const uint64_t *list = lists[i % 9];
        struct row row = {.numbers = {test_draw(random), (uint64_t)i * 7}};

        snprintf(row.kind, sizeof(row.kind), "%s", kind);
        if (strcmp(kind, "slot") == 0 && i % 5 == 4)
            row.numbers[1] = test_draw(random);
        row.count = strcmp(kind, "mix") == 0 ? 0 : is_mirror ? 1 : (uint32_t)list[0];
        for (uint32_t k = 0; k < row.count; k++)
            row.list[k] = is_mirror ? (uint64_t[]){1, 250000, 500000, 999999}[i % 4]
                          : strcmp(kind, "endpoint") == 0 ? k + (uint64_t)(i % 3)
                                                          : list[k + 1];
        print_row(&row);
    }
}

static int print_all(void)
{
    static const char *const kinds[] = {"mix", "slot", "key", "endpoint", "mirror", "mirror_key"};
    uint64_t random = 2024;

    for (int i = 0; i < 6; i++)
        print_kind(kinds[i], &random);
    return 0;
}

/* "KIND 0xNUMBER NUMBER LIST -> ANSWER"; false: a comment or an empty line. */
static bool read_row(char *line, struct row *ret_row, uint64_t *ret_expected)
{
    char list[256];
    char *rest = list;
    int got;

    if (line[0] == '#' || line[0] == '\n')
        return false;
    memset(ret_row, 0, sizeof(*ret_row));
    got = sscanf(line, "%23s %" SCNx64 " %" SCNu64 " %255s -> %" SCNu64, ret_row->kind,
                 &ret_row->numbers[0], &ret_row->numbers[1], list, ret_expected);
    assert_int_equal(got, 5);
    while (strcmp(list, "-") != 0 && rest && *rest) {
        ret_row->list[ret_row->count++] = strtoull(rest, &rest, 10);
        rest += *rest == ',';
    }
    return true;
}

static void test_vectors_are_as_published(void **state)
{
    FILE *file = fopen(TURNOUT_VECTORS, "r");
    unsigned rows = 0;
    char line[512];

    (void)state;
    if (!file)
        fail_msg("%s is missing", TURNOUT_VECTORS);
    while (fgets(line, sizeof(line), file)) {
        struct row row;
        uint64_t expected;

        if (!read_row(line, &row, &expected))
            continue;
        if (answer(&row) != expected)
            fail_msg("now %" PRIu64 ": %s", answer(&row), line);
        rows++;
    }
    fclose(file);
    assert_true(rows >= 270);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_are_as_published),
    };

    if (argc > 1 && strcmp(argv[1], "--print") == 0)
        return print_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
