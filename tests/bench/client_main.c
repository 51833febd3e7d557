/* bench_client: one measurement from the command line; --help says how. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/bench/client.h"

static void print_histogram(const char *name, const struct histogram *histogram)
{
    static const double percents[] = {50, 90, 95, 99, 99.9, 99.99};
    static const char *const names[] = {"p50", "p90", "p95", "p99", "p99.9", "p99.99"};
    printf(", \"%s\": {\"count\": %llu, \"mean\": %.0f, \"min\": %llu, \"max\": %llu", name,
           (unsigned long long)histogram->count, histogram_mean(histogram),
           histogram->count ? (unsigned long long)histogram->least : 0ull,
           (unsigned long long)histogram->most);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        printf(", \"%s\": %llu", names[i],
               (unsigned long long)histogram_percentile(histogram, percents[i]));
    }
    printf("}");
}

static void print_result(const struct client *client)
{
    printf("{\"sent\": %llu, \"answered\": %llu, \"failed\": %llu, \"connections\": %u, \"opens\": "
           "%llu, \"bytes\": %llu, "
           "\"seconds\": %.6f, \"waited_most\": %llu",
           (unsigned long long)client->sent, (unsigned long long)client->answered,
           (unsigned long long)client->failed, client->opened, (unsigned long long)client->opens,
           (unsigned long long)client->bytes, (double)(client->ended_ns - client->began_ns) / 1e9,
           (unsigned long long)client->due_most);
    print_histogram("latency_ns", &client->latency);
    if (client->options.rate > 0) {
        print_histogram("late_ns", &client->late);
    }
    printf("}\n");
    fflush(stdout);
}

/* Connections stay open and idle meanwhile. */
static void wait_for_input(void)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n') {
    }
}

static void on_stage(struct client *client)
{
    if (client->stage == CLIENT_PAUSED) {
        if (client->options.is_waiting) {
            puts("warm");
            fflush(stdout);
            wait_for_input();
            uv_update_time(client->loop);
        }
        client_start(client);
        return;
    }
    print_result(client);
    if (client->options.is_waiting) {
        wait_for_input();
    }
    exit(client->failed ? 1 : 0);
}

int main(int argc, char **argv)
{
    static struct client client;
    struct client_options options;
    client_read_options(argc, argv, &options);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (client_init(&client, uv_default_loop(), &options, on_stage)) {
        errx(1, "no memory");
    }
    client_start(&client);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
