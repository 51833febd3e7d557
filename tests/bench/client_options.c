#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/client.h"
#include "tests/bench/ports.h"

static const char usage[] =
    "usage: bench_client PORT [option...]\n"
    "  --connections N   (1); open loop: at most so many\n"
    "  --requests N      so many are measured (1000)\n"
    "  --warm N          so many before, not measured (0)\n"
    "  --rate R          open loop: R a second, due at fixed moments\n"
    "  --path /N         the backend answers with N bytes (/)\n"
    "  --body N          POST with N bytes\n"
    "  --field 'A: b'    of each request, up to 8 times\n"
    "  --odd 'A: b'      of the requests of every second connection\n"
    "  --cookies         keeps what Set-Cookie gives, and each connection is a user of its own\n"
    "  --fresh           a connection for each request, closed by the client\n"
    "  --serial          the warm-up is one request on each connection, one connection after the "
    "other\n"
    "  --lockstep        all connections send together\n"
    "  --active N        with --lockstep: so many send together, and the next ones the next time\n"
    "  --wait            after the warm-up says 'warm' and waits for a line; ends when standard "
    "input does\n"
    "Prints one line of JSON; times in ns.\n";

void client_read_options(int argc, char **argv, struct client_options *ret_options)
{
    enum {
        CONNECTIONS = 1,
        REQUESTS,
        WARM,
        RATE,
        PATH,
        BODY,
        FIELD,
        ODD,
        COOKIES,
        FRESH,
        LOCKSTEP,
        SERIAL,
        ACTIVE,
        WAIT,
        HELP
    };
    static const struct option table[] = {
        {"connections", required_argument, NULL, CONNECTIONS},
        {"requests", required_argument, NULL, REQUESTS},
        {"warm", required_argument, NULL, WARM},
        {"rate", required_argument, NULL, RATE},
        {"path", required_argument, NULL, PATH},
        {"body", required_argument, NULL, BODY},
        {"field", required_argument, NULL, FIELD},
        {"odd", required_argument, NULL, ODD},
        {"cookies", no_argument, NULL, COOKIES},
        {"fresh", no_argument, NULL, FRESH},
        {"lockstep", no_argument, NULL, LOCKSTEP},
        {"wait", no_argument, NULL, WAIT},
        {"serial", no_argument, NULL, SERIAL},
        {"active", required_argument, NULL, ACTIVE},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    struct client_options options = {
        .connections = 1, .requests = 1000, .method = "GET", .path = "/"};
    uint32_t fields = 0;
    for (int option; (option = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        switch (option) {
        case CONNECTIONS:
            options.connections = (uint32_t)bench_number(optarg);
            break;
        case REQUESTS:
            options.requests = bench_number(optarg);
            break;
        case WARM:
            options.warm = bench_number(optarg);
            break;
        case RATE:
            options.rate = (double)bench_number(optarg);
            break;
        case PATH:
            options.path = optarg;
            break;
        case BODY:
            options.body_bytes = bench_number(optarg);
            options.method = "POST";
            break;
        case FIELD:
            if (fields == CLIENT_FIELDS_MAX) {
                errx(2, "too many fields");
            }
            options.fields[fields++] = optarg;
            break;
        case ODD:
            options.odd_field = optarg;
            break;
        case COOKIES:
            options.is_keeping_cookies = true;
            break;
        case FRESH:
            options.is_fresh = true;
            break;
        case LOCKSTEP:
            options.is_lockstep = true;
            break;
        case ACTIVE:
            options.active = (uint32_t)bench_number(optarg);
            break;
        case SERIAL:
            options.is_serial = true;
            break;
        case WAIT:
            options.is_waiting = true;
            break;
        case HELP:
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind != argc - 1 || options.connections < 1 || options.connections > 60000 ||
        options.requests < 1) {
        fputs(usage, stderr);
        exit(2);
    }
    if (options.active && !options.is_lockstep) {
        errx(2, "--active is for --lockstep");
    }
    if (options.is_serial) {
        options.warm = options.connections;
    }
    if ((options.is_lockstep || options.is_serial) && (options.rate > 0 || options.is_fresh)) {
        errx(2, "--lockstep and --serial are for a closed loop over connections that stay");
    }
    options.port = bench_port(argv[optind]);
    *ret_options = options;
}
