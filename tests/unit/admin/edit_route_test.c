#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PLAIN "[{'name':'main','stable':'blue','weights':{'blue':1}}]"
#define TESTERS "{'name':'testers','match':[{'path':'/t'}],'weights':{'green':1}}"
#define KEPT "{'by':'cookie','scope':'endpoint','key_file':'./k'}" /* thought out by a person */
#define MADE                                                                                       \
    "{'name':'main/ab-1','match':[{'headers':[{'name':'X','value':'1'}]}],'weights':{'green':1},"  \
    "'made_by_route':true}"

static void check_all(const struct edit_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        edit_check(px_edit_route, &rows[i]);
}

#define CHECK_ALL(rows) check_all(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_route_all(void **state)
{
    static const struct edit_row rows[] = {
        {"to the other one", PLAIN, NULL, "{'strategy':'all','version':'green'}",
         "[{'name':'main','stable':'blue','weights':{'green':1}}]", "stable stays blue"},
        {"back", "[{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]", NULL,
         "{'strategy':'all','version':'blue'}", PLAIN, NULL},
        {"no stable", "[{'name':'main','weights':{'blue':1}}]", NULL,
         "{'strategy':'all','version':'green'}", "[{'name':'main','weights':{'green':1}}]", NULL},
        {"mirrors go",
         "[{'name':'main','stable':'blue','weights':{'blue':1},'mirror':[{'to':'green'}]}]", NULL,
         "{'strategy':'all','version':'blue'}", PLAIN, NULL},
        {"match rules that route made go, others stay and are named",
         "[" TESTERS "," MADE ",{'name':'main','stable':'blue','weights':{'blue':1}}]", NULL,
         "{'strategy':'all','version':'blue'}",
         "[" TESTERS ",{'name':'main','stable':'blue','weights':{'blue':1}}]",
         "rule testers still sends to green"},
        {"others that send the same way are not named",
         "[" TESTERS ",{'name':'main','weights':{'blue':1}}]", NULL,
         "{'strategy':'all','version':'green'}",
         "[" TESTERS ",{'name':'main','weights':{'green':1}}]", NULL},
        {"those of another rule stay",
         "[{'name':'mainly/ab-1','match':[{'path':'/'}],'weights':{'blue':1},"
         "'made_by_route':true},{'name':'main','weights':{'blue':1}}]",
         NULL, "{'strategy':'all','version':'blue'}",
         "[{'name':'mainly/ab-1','match':[{'path':'/'}],'weights':{'blue':1},"
         "'made_by_route':true},{'name':'main','weights':{'blue':1}}]",
         NULL},
        {"the same name by hand stays",
         "[{'name':'main/ab-1','match':[{'path':'/'}],'weights':{'blue':1}},"
         "{'name':'main','weights':{'blue':1}}]",
         NULL, "{'strategy':'all','version':'blue'}",
         "[{'name':'main/ab-1','match':[{'path':'/'}],'weights':{'blue':1}},"
         "{'name':'main','weights':{'blue':1}}]",
         NULL},
        {"the cookie of route canary goes",
         "[{'name':'main','weights':{'blue':9,'green':1},'sticky':{'by':'cookie'}}]",
         "[{'name':'main','weights':{'blue':1}}]", "{'strategy':'all','version':'blue'}",
         "[{'name':'main','weights':{'blue':1}}]", NULL},
        {"the stickiness of the file comes back",
         "[{'name':'main','weights':{'blue':9,'green':1}}]",
         "[{'name':'main','weights':{'blue':1},'sticky':" KEPT "}]",
         "{'strategy':'all','version':'blue'}",
         "[{'name':'main','weights':{'blue':1},'sticky':" KEPT "}]", NULL},
        {"one that a person set stays",
         "[{'name':'main','weights':{'blue':9,'green':1},'sticky':" KEPT "}]",
         "[{'name':'main','weights':{'blue':1}}]", "{'strategy':'all','version':'blue'}",
         "[{'name':'main','weights':{'blue':1},'sticky':" KEPT "}]", NULL},
        {"timeouts and all else stay",
         "[{'name':'main','weights':{'blue':1},'timeouts':{'idle':'1s'},'max_body':'1KiB',"
         "'on_unhealthy':'failover'}]",
         NULL, "{'strategy':'all','version':'green'}",
         "[{'name':'main','weights':{'green':1},'timeouts':{'idle':'1s'},'max_body':'1KiB',"
         "'on_unhealthy':'failover'}]",
         NULL},
        {"no version", PLAIN, NULL, "{'strategy':'all'}", NULL, "'version' is missing"},
        {"a member of another strategy", PLAIN, NULL,
         "{'strategy':'all','version':'blue','canary':'green'}", NULL, "unknown member 'canary'"},
        {"no strategy", PLAIN, NULL, "{'version':'blue'}", NULL, "'strategy' is missing"},
        {"unknown strategy", PLAIN, NULL, "{'strategy':'cannary'}", NULL,
         "unknown strategy 'cannary': all, canary, ab, shadow"},
    };

    (void)state;
    CHECK_ALL(rows);
}

static void test_route_canary(void **state)
{
    static const struct edit_row rows[] = {
        {"ten percent, sticky by cookie", PLAIN, NULL,
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':100000}",
         "[{'name':'main','stable':'blue','weights':{'blue':9,'green':1},"
         "'sticky':{'by':'cookie'}}]",
         NULL},
        {"a tenth of a percent, per request", PLAIN, NULL,
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':1000,"
         "'per_request':true}",
         "[{'name':'main','stable':'blue','weights':{'blue':999,'green':1}}]", NULL},
        {"nothing yet", PLAIN, NULL,
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':0,"
         "'per_request':true}",
         "[{'name':'main','stable':'blue','weights':{'blue':1,'green':0}}]", NULL},
        {"everything", PLAIN, NULL,
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':1000000,"
         "'per_request':true}",
         "[{'name':'main','stable':'blue','weights':{'blue':0,'green':1}}]", NULL},
        {"the other way round", PLAIN, NULL,
         "{'strategy':'canary','stable':'green','canary':'blue','share_ppm':250000,"
         "'per_request':true}",
         "[{'name':'main','stable':'green','weights':{'green':3,'blue':1}}]", NULL},
        {"the rule's own stickiness stays",
         "[{'name':'main','weights':{'blue':1},'sticky':" KEPT "}]", NULL,
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':500000}",
         "[{'name':'main','weights':{'blue':1,'green':1},'sticky':" KEPT ",'stable':'blue'}]",
         NULL},
        {"after route ab --by: a cookie again",
         "[{'name':'main','weights':{'blue':1},'sticky':{'by':'header:X-User','seed':'s'}}]", NULL,
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':500000}",
         "[{'name':'main','weights':{'blue':1,'green':1},'sticky':{'by':'cookie'},"
         "'stable':'blue'}]",
         NULL},
        {"per request although the file is sticky",
         "[{'name':'main','weights':{'blue':1},'sticky':" KEPT "}]",
         "[{'name':'main','weights':{'blue':1},'sticky':" KEPT "}]",
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':500000,"
         "'per_request':true}",
         "[{'name':'main','weights':{'blue':1,'green':1},'stable':'blue'}]", NULL},
        {"mirrors and match rules of route go",
         "[" MADE ",{'name':'main','weights':{'blue':1},'mirror':[{'to':'green'}]}]", NULL,
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':500000,"
         "'per_request':true}",
         "[{'name':'main','weights':{'blue':1,'green':1},'stable':'blue'}]", NULL},
        {"match rules of others are named", "[" TESTERS ",{'name':'main','weights':{'blue':1}}]",
         NULL,
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':500000,"
         "'per_request':true}",
         "[" TESTERS ",{'name':'main','weights':{'blue':1,'green':1},'stable':'blue'}]",
         "rule testers still sends to green"},
        {"one and the same", PLAIN, NULL,
         "{'strategy':'canary','stable':'blue','canary':'blue','share_ppm':1}", NULL,
         "are the same version"},
        {"no share", PLAIN, NULL, "{'strategy':'canary','stable':'blue','canary':'green'}", NULL,
         "'share_ppm' must be"},
        {"no canary", PLAIN, NULL, "{'strategy':'canary','stable':'blue','share_ppm':1}", NULL,
         "'canary' is missing"},
        {"per_request is no text", PLAIN, NULL,
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':1,"
         "'per_request':'yes'}",
         NULL, "true or false"},
    };

    (void)state;
    CHECK_ALL(rows);
}

static void test_route_ab_who_carries_it(void **state)
{
    static const struct edit_row rows[] = {
        {"a header", PLAIN, NULL,
         "{'strategy':'ab','stable':'blue','canary':'green',"
         "'headers':[{'name':'X','value':'1'}]}",
         "[" MADE ",{'name':'main','stable':'blue','weights':{'blue':1}}]", NULL},
        {"any of several", PLAIN, NULL,
         "{'strategy':'ab','stable':'blue','canary':'green',"
         "'headers':[{'name':'X','value':'1'},{'name':'Y','present':true}],"
         "'cookies':[{'name':'beta','value':'1'}]}",
         "[{'name':'main/ab-1','match':[{'headers':[{'name':'X','value':'1'}]},"
         "{'headers':[{'name':'Y','present':true}]},{'cookies':[{'name':'beta','value':'1'}]}],"
         "'weights':{'green':1},'made_by_route':true},"
         "{'name':'main','stable':'blue','weights':{'blue':1}}]",
         NULL},
        {"again: the old one is replaced",
         "[" MADE ",{'name':'main','stable':'blue','weights':{'blue':1}}]", NULL,
         "{'strategy':'ab','stable':'blue','canary':'green',"
         "'cookies':[{'name':'beta','value':'1'}]}",
         "[{'name':'main/ab-1','match':[{'cookies':[{'name':'beta','value':'1'}]}],"
         "'weights':{'green':1},'made_by_route':true},"
         "{'name':'main','stable':'blue','weights':{'blue':1}}]",
         NULL},
        {"in front of its rule, behind others; the cookie of a canary goes",
         "[" TESTERS ",{'name':'main','weights':{'blue':9,'green':1},'stable':'blue',"
         "'sticky':{'by':'cookie'}}]",
         NULL,
         "{'strategy':'ab','stable':'blue','canary':'green',"
         "'headers':[{'name':'X','value':'1'}]}",
         "[" TESTERS "," MADE ",{'name':'main','stable':'blue','weights':{'blue':1}}]",
         "rule testers still sends to green"},
        {"a rule that has matches: both must hold",
         "[{'name':'api','match':[{'path':{'prefix':'/api'}},"
         "{'headers':[{'name':'H','value':'h'}]}],'weights':{'blue':1}},"
         "{'name':'main','weights':{'blue':1}}]",
         NULL,
         "{'rule':'api','strategy':'ab','stable':'blue','canary':'green',"
         "'headers':[{'name':'X','value':'1'}]}",
         "[{'name':'api/ab-1','match':[{'path':{'prefix':'/api'},"
         "'headers':[{'name':'X','value':'1'}]},"
         "{'headers':[{'name':'H','value':'h'},{'name':'X','value':'1'}]}],"
         "'weights':{'green':1},'made_by_route':true},"
         "{'name':'api','match':[{'path':{'prefix':'/api'}},"
         "{'headers':[{'name':'H','value':'h'}]}],'weights':{'blue':1},'stable':'blue'},"
         "{'name':'main','weights':{'blue':1}}]",
         NULL},
        {"a name that a person took",
         "[{'name':'main/ab-1','match':[{'path':'/'}],'weights':{'blue':1}},"
         "{'name':'main','stable':'blue','weights':{'blue':1}}]",
         NULL,
         "{'strategy':'ab','stable':'blue','canary':'green',"
         "'headers':[{'name':'X','value':'1'}]}",
         "[{'name':'main/ab-1','match':[{'path':'/'}],'weights':{'blue':1}},"
         "{'name':'main/ab-2','match':[{'headers':[{'name':'X','value':'1'}]}],"
         "'weights':{'green':1},'made_by_route':true},"
         "{'name':'main','stable':'blue','weights':{'blue':1}}]",
         NULL},
        {"timeouts, limits and the user's endpoint go with it",
         "[{'name':'main','stable':'blue','weights':{'blue':1},'timeouts':{'idle':'1s'},"
         "'max_body':'1KiB','sticky':" KEPT "}]",
         NULL,
         "{'strategy':'ab','stable':'blue','canary':'green',"
         "'headers':[{'name':'X','value':'1'}]}",
         "[{'name':'main/ab-1','match':[{'headers':[{'name':'X','value':'1'}]}],"
         "'weights':{'green':1},'made_by_route':true,'timeouts':{'idle':'1s'},'max_body':'1KiB',"
         "'sticky':{'by':'cookie','scope':'endpoint','key_file':'./k','seed':'main'}},"
         "{'name':'main','stable':'blue','weights':{'blue':1},'timeouts':{'idle':'1s'},"
         "'max_body':'1KiB','sticky':" KEPT "}]",
         NULL},
        {"nobody carries it", PLAIN, NULL, "{'strategy':'ab','stable':'blue','canary':'green'}",
         NULL, "needs 'headers' or 'cookies'"},
        {"no list", PLAIN, NULL,
         "{'strategy':'ab','stable':'blue','canary':'green','headers':{'X':'1'}}", NULL,
         "'headers' must be a list"},
        {"no pair", PLAIN, NULL,
         "{'strategy':'ab','stable':'blue','canary':'green','cookies':['beta=1']}", NULL,
         "'cookies' must be a list"},
        {"no stable", PLAIN, NULL,
         "{'strategy':'ab','canary':'green','headers':[{'name':'X','value':'1'}]}", NULL,
         "'stable' is missing"},
    };

    (void)state;
    CHECK_ALL(rows);
}

static void test_route_ab_who_is_drawn(void **state)
{
    static const struct edit_row rows[] = {
        {"by header with a seed", PLAIN, NULL,
         "{'strategy':'ab','by':'header:X-User','split':{'blue':50,'green':50},"
         "'seed':'spring'}",
         "[{'name':'main','stable':'blue','weights':{'blue':50,'green':50},"
         "'sticky':{'by':'header:X-User','seed':'spring'}}]",
         NULL},
        {"without a seed", PLAIN, NULL,
         "{'strategy':'ab','by':'client_ip','split':{'blue':9,'green':1}}",
         "[{'name':'main','stable':'blue','weights':{'blue':9,'green':1},"
         "'sticky':{'by':'client_ip'}}]",
         NULL},
        {"no stable yet: the first of the split", "[{'name':'main','weights':{'blue':1}}]", NULL,
         "{'strategy':'ab','by':'cookie:sid','split':{'green':1,'blue':1}}",
         "[{'name':'main','weights':{'green':1,'blue':1},'stable':'green',"
         "'sticky':{'by':'cookie:sid'}}]",
         "stable is now green"},
        {"a stable that is said", "[{'name':'main','weights':{'blue':1}}]", NULL,
         "{'strategy':'ab','by':'cookie:sid','split':{'green':1,'blue':1},'stable':'blue'}",
         "[{'name':'main','weights':{'green':1,'blue':1},'stable':'blue',"
         "'sticky':{'by':'cookie:sid'}}]",
         NULL},
        {"those who stick to an endpoint go on doing so",
         "[{'name':'main','stable':'blue','weights':{'blue':1},'sticky':" KEPT "}]", NULL,
         "{'strategy':'ab','by':'header:X-User','split':{'blue':1,'green':1}}",
         "[{'name':'main','stable':'blue','weights':{'blue':1,'green':1},"
         "'sticky':{'by':'header:X-User','scope':'endpoint'}}]",
         NULL},
        {"match rules of route go",
         "[" MADE ",{'name':'main','stable':'blue','weights':{'blue':1}}]", NULL,
         "{'strategy':'ab','by':'client_ip','split':{'blue':1,'green':1}}",
         "[{'name':'main','stable':'blue','weights':{'blue':1,'green':1},"
         "'sticky':{'by':'client_ip'}}]",
         NULL},
        {"no split", PLAIN, NULL, "{'strategy':'ab','by':'client_ip'}", NULL,
         "'split' must name versions"},
        {"seed is no number", PLAIN, NULL,
         "{'strategy':'ab','by':'client_ip','split':{'blue':1},'seed':7}", NULL,
         "'seed' must be a text"},
        {"both ways at once", PLAIN, NULL,
         "{'strategy':'ab','by':'client_ip','split':{'blue':1},'headers':[]}", NULL,
         "unknown member 'headers'"},
    };

    (void)state;
    CHECK_ALL(rows);
}

static void test_route_shadow(void **state)
{
    static const struct edit_row rows[] = {
        {"a quarter", PLAIN, NULL,
         "{'strategy':'shadow','stable':'blue','canary':'green','ppm':250000}",
         "[{'name':'main','stable':'blue','weights':{'blue':1},"
         "'mirror':[{'to':'green','percent':'25%'}]}]",
         NULL},
        {"all of it unless said", PLAIN, NULL,
         "{'strategy':'shadow','stable':'blue','canary':'green'}",
         "[{'name':'main','stable':'blue','weights':{'blue':1},"
         "'mirror':[{'to':'green','percent':'100%'}]}]",
         NULL},
        {"from a canary: its cookie goes",
         "[{'name':'main','stable':'blue','weights':{'blue':9,'green':1},"
         "'sticky':{'by':'cookie'}}]",
         NULL, "{'strategy':'shadow','stable':'blue','canary':'green','ppm':1000000}",
         "[{'name':'main','stable':'blue','weights':{'blue':1},"
         "'mirror':[{'to':'green','percent':'100%'}]}]",
         NULL},
        {"which headers are dropped stays",
         "[{'name':'main','stable':'blue','weights':{'blue':1},"
         "'mirror':[{'to':'red'},{'to':'green','drop_headers':['Cookie'],'sample':'key'}]}]",
         NULL, "{'strategy':'shadow','stable':'blue','canary':'green','ppm':10000}",
         "[{'name':'main','stable':'blue','weights':{'blue':1},"
         "'mirror':[{'to':'green','drop_headers':['Cookie'],'percent':'1%'}]}]",
         NULL},
        {"as the file says when the rule has no mirror now", PLAIN,
         "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'green','percent':'5%',"
         "'methods':['GET']}]}]",
         "{'strategy':'shadow','stable':'blue','canary':'green','ppm':10000}",
         "[{'name':'main','stable':'blue','weights':{'blue':1},"
         "'mirror':[{'to':'green','methods':['GET'],'percent':'1%'}]}]",
         NULL},
        {"of nothing", PLAIN, NULL,
         "{'strategy':'shadow','stable':'blue','canary':'green','ppm':0}", NULL, "mirrors nothing"},
        {"of itself", PLAIN, NULL, "{'strategy':'shadow','stable':'blue','canary':'blue'}", NULL,
         "are the same version"},
    };

    (void)state;
    CHECK_ALL(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_route_all),
        cmocka_unit_test(test_route_canary),
        cmocka_unit_test(test_route_ab_who_carries_it),
        cmocka_unit_test(test_route_ab_who_is_drawn),
        cmocka_unit_test(test_route_shadow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
