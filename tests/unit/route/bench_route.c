/*
 * What one decision costs: bench_route SCENARIO COUNT. Instructions per request are
 * (Ir(6144) - Ir(2048)) / 4096 of valgrind --tool=callgrind; without valgrind it prints ns.
 */
#include "tests/unit/route/fixture.h"

#include <time.h>

static struct px_match_value header;

static void set_up(struct fixture *f, const char *scenario)
{
    struct px_match *match;
    struct px_decision first;

    if (strcmp(scenario, "only") == 0) {
        fixture_rule(f, "main", 1, 0, 0);
        return;
    }
    if (strcmp(scenario, "ab") == 0) {
        header = fixture_value(PX_MATCH_EXACT, "X-Version", "green");
        fixture_rule(f, "testers", 0, 1, 0);
        match = fixture_match(f, 0);
        match->headers = &header;
        match->header_count = 1;
    }
    fixture_rule(f, "main", 90, 10, 0);
    if (strcmp(scenario, "mirror") == 0)
        fixture_mirror(f, 0, GREEN, 250000);
    if (strncmp(scenario, "known", 5) == 0 || strncmp(scenario, "newcomer", 8) == 0) {
        fixture_sticky(f, 0, strstr(scenario, "signed") != NULL);
        if (strstr(scenario, "endpoint"))
            f->said[0].sticky.scope_endpoint = true;
        if (strncmp(scenario, "known", 5) == 0) {
            first = *fixture_decide(f);
            fixture_request_with_cookie(f, &first);
        }
    }
    if (strcmp(scenario, "header") == 0) {
        f->said[0].sticky.by = PX_STICKY_HEADER;
        f->said[0].sticky.name = strdup("X-User");
    }
    if (strcmp(scenario, "rare") == 0) {
        fixture_weights(f, 0, 999999, 0, 1);
        fixture_sticky(f, 0, false);
    }
}

int main(int argc, char **argv)
{
    struct fixture *f = fixture_new();
    unsigned long count;
    struct timespec start;
    struct timespec end;

    if (argc != 3) {
        fprintf(stderr,
                "usage: bench_route slot|only|ab|mirror|header|newcomer[-signed][-endpoint]|"
                "known[-signed][-endpoint]|rare COUNT\n");
        return 2;
    }
    count = strtoul(argv[2], NULL, 10);
    fixture_request(f, "GET /assets/app.js?v=3 HTTP/1.1\r\nHost: example.org\r\n"
                       "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/141.0\r\n"
                       "Accept: text/html,application/xhtml+xml\r\nX-User: 12345\r\n"
                       "Accept-Encoding: gzip\r\nReferer: https://example.org/\r\n");
    set_up(f, argv[1]);
    for (uint32_t r = 0; r < f->snapshot.rule_count; r++) {
        if (f->rules[r].weights[RED] == 0)
            f->rules[r].version_count = 2;
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned long i = 0; i < count; i++)
        fixture_decide(f);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%s: %.0f ns a request\n", argv[1],
           ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) /
               (double)count);
    fixture_free(f);
    return 0;
}
