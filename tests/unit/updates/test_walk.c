/*
 * Every order of events, for every strategy, and in each run so many faults, pauses, take-overs and
 * bad verdicts at any places (aborts, promotes and whatever ends a fault come on top).
 * As a ctest: small N and few of them. TURNOUT_LONG=1: N = 1 to 5.
 * test_updates_walk N DISTURBANCES [WORD]: that N, cases whose name has WORD; prints the figures.
 */
#include "tests/unit/updates/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define CASES_MAX 32

/* Under a sanitizer a part of it must do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SLOW true
#else
#define IS_SLOW false
#endif

struct sum {
    uint64_t worlds, moves;
    uint32_t cases, broken;
};

static void walk_all(uint32_t n, uint8_t disturbances, const char *word, struct sum *sum)
{
    static struct walk_case cases[CASES_MAX];
    uint32_t count = walk_cases(n, disturbances, cases, CASES_MAX);

    for (uint32_t i = 0; i < count; i++) {
        struct walk_result result;
        clock_t begin = clock();

        if (strstr(cases[i].name, word) == NULL)
            continue;
        walk_run(&cases[i], &result);
        printf("%-45s %u disturbances %10llu worlds %11llu moves; ends: %6llu done %6llu back "
               "%7llu held; %.1f s\n",
               cases[i].name, disturbances, (unsigned long long)result.worlds,
               (unsigned long long)result.moves, (unsigned long long)result.done,
               (unsigned long long)result.returned, (unsigned long long)result.held,
               (double)(clock() - begin) / CLOCKS_PER_SEC);
        fflush(stdout);
        sum->worlds += result.worlds;
        sum->moves += result.moves;
        sum->cases++;
        if (getenv("WALK_QUIET") != NULL && result.broken != NULL)
            exit(1);
        sum->broken += result.broken != NULL || result.done == 0 || result.returned == 0;
    }
}

static bool tell(const struct sum *sum)
{
    printf("walk: %u cases, %llu worlds, %llu moves, %u broken\n", sum->cases,
           (unsigned long long)sum->worlds, (unsigned long long)sum->moves, sum->broken);
    return sum->broken == 0 && sum->cases > 0;
}

static void test_updates_keep_their_promises_in_every_world(void **state)
{
    static const uint8_t quick[] = {2, 1};
    static const uint8_t full[] = {4, 3, 2, 1, 1};
    bool is_long = getenv("TURNOUT_LONG") != NULL;
    struct sum sum = {0};

    (void)state;
    if (IS_SLOW)
        walk_all(1, 1, "", &sum);
    for (uint32_t n = 1; !IS_SLOW && n <= (is_long ? 5 : 2); n++)
        walk_all(n, is_long ? full[n - 1] : quick[n - 1], "", &sum);
    assert_true(tell(&sum));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates_keep_their_promises_in_every_world),
    };
    struct sum sum = {0};

    if (argc < 3)
        return cmocka_run_group_tests(tests, NULL, NULL);
    walk_all((uint32_t)atoi(argv[1]), (uint8_t)atoi(argv[2]), argc > 3 ? argv[3] : "", &sum);
    return tell(&sum) ? 0 : 1;
}
