/*
 * server: `turnout serve` as a function: builds the parts in order, runs, stops them in reverse.
 *
 * Not for reading command lines (cli/) and not for serving requests (worker/ and below).
 * Shape: one call per process; it returns when the proxy has stopped. It installs handlers for
 * SIGTERM and SIGINT (stop; a second one ends at once), SIGHUP (reload), SIGUSR1 (reopen the access
 * log) and SIGUSR2 (start the program anew, and let it take over), and ignores SIGPIPE. Tells what
 * it does on standard error; the line "turnout: listening on 127.0.0.1:8080, admin ./turnout.sock,
 * metrics 127.0.0.1:9090" says that it is ready (port 0 is shown as the port it got). Errors: none
 * are returned but an exit code: 0 stopped clean; 1 refused to start or did not stop clean, with a
 * message that says why. Ownership: the options are read during the call only. Threads: the
 * process's main thread.
 */
#ifndef PX_SERVER_H
#define PX_SERVER_H

#include <stdbool.h>

struct px_server_options {
    const char *config_path;      /* as the user wrote it; messages show it so */
    bool is_takeover;             /* of the running process */
    const char *takeover_address; /* "unix:PATH", or NULL: as the configuration says */
};

/* The exit code of the process. */
int px_server_main(const struct px_server_options *options);

#endif
