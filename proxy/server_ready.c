#include "proxy/server_parts.h"

#include "lib/base/log.h"
#include "proxy/notify.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>

static void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

static void append_address(char *text, size_t size, const struct sockaddr_storage *sa)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)sa;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)sa;
    char address[INET6_ADDRSTRLEN] = "";

    if (sa->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof(address));
        append(text, size, "[%s]:%u", address, ntohs(v6->sin6_port));
    } else {
        inet_ntop(AF_INET, &v4->sin_addr, address, sizeof(address));
        append(text, size, "%s:%u", address, ntohs(v4->sin_port));
    }
}

/* A version that is to get requests and can't answer any. */
static void warn_of_dead_versions(const struct px_snapshot *snapshot)
{
    for (uint32_t v = 0; v < snapshot->version_count; v++) {
        const struct px_snapshot_version *version = &snapshot->versions[v];
        uint32_t up = 0;

        for (uint32_t e = 0; e < version->endpoint_count; e++)
            up += atomic_load(&version->endpoints[e]->up);
        if (up == 0)
            tn_log(TN_LOG_WARNING, "server", "version %s: no endpoint is up (of %u)", version->name,
                   version->endpoint_count);
    }
}

void px_server_become_ready(struct px_server *server)
{
    struct sockaddr_storage address;
    char line[2048] = "turnout: listening on ";

    if (server->stage != PX_SERVER_STARTING)
        return;
    server->stage = PX_SERVER_RUNNING;
    tn_timer_stop(&server->timer);
    for (uint32_t i = 0; px_workers_address(server->workers, i, &address) == 0; i++) {
        append(line, sizeof(line), "%s", i > 0 ? " and " : "");
        append_address(line, sizeof(line), &address);
    }
    if (server->admin_listener && tn_api_address(server->admin_listener, &address) == 0 &&
        address.ss_family != AF_UNIX) {
        append(line, sizeof(line), ", admin http://");
        append_address(line, sizeof(line), &address);
    } else if (server->admin_listener)
        append(line, sizeof(line), ", admin %s%s",
               strchr(server->config->admin_path, '/') ? "" : "./",
               server->config->admin_path); /* as --admin takes it */
    if (server->metrics_listener && tn_api_address(server->metrics_listener, &address) == 0) {
        append(line, sizeof(line), ", metrics ");
        append_address(line, sizeof(line), &address);
    }
    server->admin.is_ready = true;
    warn_of_dead_versions(px_rulebook_snapshot(server->book));
    if (!server->taker.is_taking)
        fprintf(stderr, "%s\n", line);
    else if (!px_taker_take(server, line))
        return;
    px_notify_ready();
}
