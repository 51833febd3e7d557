/*
 * route_ab: `turnout route ab`: by what a request carries, or by a key that draws groups.
 *
 * Errors, ownership, threads: as every verb (cli.h).
 */
#ifndef CLI_ROUTE_AB_H
#define CLI_ROUTE_AB_H

#include "cli/cli.h"

cli_verb_fn cli_route_ab;

#endif
