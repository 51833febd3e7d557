/* SIGUSR2: the program, as it is on the disk now, is started with --takeover. */
#include "proxy/server_parts.h"

#include "lib/base/log.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* Nothing of what we have set for ourselves. */
static int set_up(posix_spawnattr_t *attributes)
{
    sigset_t all;
    sigset_t none;
    int error = posix_spawnattr_init(attributes);

    if (error)
        return error;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    return 0;
}

void px_server_start_successor(struct px_server *server)
{
    char config[PATH_MAX];
    char address[PATH_MAX + 8];
    char serve[] = "serve", c[] = "-c", takeover[] = "--takeover", admin[] = "--admin";
    char *arguments[] = {server->program, serve, c, config, takeover, admin, address, NULL};
    posix_spawnattr_t attributes;
    pid_t pid;
    int error;

    if (server->config->admin_kind != PX_ADMIN_UNIX || !server->program[0]) {
        tn_log(TN_LOG_ERROR, "server",
               "SIGUSR2: a takeover needs the admin interface's Unix socket");
        return;
    }
    snprintf(config, sizeof(config), "%s", server->options->config_path);
    snprintf(address, sizeof(address), "unix:%s%s",
             strchr(server->config->admin_path, '/') ? "" : "./", server->config->admin_path);
    error = set_up(&attributes);
    if (!error) {
        signal(SIGCHLD, SIG_IGN); /* one that fails has said so, and leaves nothing behind */
        error = posix_spawn(&pid, server->program, NULL, &attributes, arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    if (error)
        tn_log(TN_LOG_ERROR, "server", "SIGUSR2: cannot start %s: %s", server->program,
               strerror(error));
    else
        tn_log(TN_LOG_INFO, "server", "SIGUSR2: %s is process %ld, and is to take over",
               server->program, (long)pid);
}
