/*
 * engine: `turnout engine` as a function: observes, asks a planner, acts, records; once a moment.
 *
 * Not for deciding what comes next (strategies/updates), not for reading command lines (cli/).
 * Shape: one call per process; it returns when the engine was stopped (SIGTERM, SIGINT). Instances
 * go on running, and are adopted by the next one. The line "turnout engine: listening on PATH ..."
 * on standard error says that it is ready; standard output gets one JSON line for each action.
 * Errors: none but an exit code: 0 stopped clean; 1 refused to start, with a message. Ownership:
 * the options are read during the call. Threads: the process's main thread has the loop; rounds
 * run on another, one at a time.
 */
#ifndef EN_ENGINE_H
#define EN_ENGINE_H

#include <stdbool.h>

struct en_engine_options {
    const char *config_path;
    bool stop_instances; /* end what the store knows of, and nothing else */
};

int en_engine_main(const struct en_engine_options *options);

#endif
