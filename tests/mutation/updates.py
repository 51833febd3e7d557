#!/usr/bin/python3
"""Plants faults in the update planners and demands that the walk finds each.

A fault is one edit of one file of strategies/updates. The file is compiled with it, linked to the
simulated platform and the walk (tests/unit/updates), and every order of events is walked for small
N until a promise breaks. A fault that survives is a hole in the promises, or an edit that changes
nothing: both are errors. An edit that no longer fits the source is an error too.

  tests/mutation/updates.py             all of them
  tests/mutation/updates.py --sample    every eighth (scripts/test)
  tests/mutation/updates.py WORD        those whose name has the word
"""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "strategies" / "updates"
FLAGS = ["-std=c11", "-O1", "-D_GNU_SOURCE", f"-I{ROOT}"]
COMPILER = ["ccache", "cc"] if os.environ.get("CMAKE_C_COMPILER_LAUNCHER") == "ccache" else ["cc"]
# N and disturbances, the quick ones first
WALKS = (("1", "1"), ("2", "1"), ("1", "2"), ("3", "1"), ("2", "2"))

# (name, file, what stands there, what is planted)
FAULTS = (
    ("in place: one more may be missing", "in_place.c", "place->floor = n - turn->plan->unavailable_count;",
     "place->floor = n > turn->plan->unavailable_count + 1 ? n - turn->plan->unavailable_count - 1 : 0;"),
    ("in place: all are drained at once", "in_place.c", "place.serving > place.floor ? place.serving - place.floor : 0", "n"),
    ("in place: none is ever drained", "in_place.c", "place.serving > place.floor ? place.serving - place.floor : 0", "0"),
    ("in place: too few ready on the way back", "in_place.c", "    if (place->fit <= place->floor)\n        return false;\n", ""),
    ("in place: replaced while in use", "in_place.c", "} else if (!strategy_is_quiet(turn, instance)) {", "} else if (false) {"),
    ("in place: no hook before an instance", "in_place.c", " &&\n                   strategy_ask_instance(turn, STRATEGY_FROM, i)", ""),
    ("in place: new users on the way back", "in_place.c", "for (uint32_t i = 0; has_relief && i < version->count; i++)",
     "for (uint32_t i = 0; false && i < version->count; i++)"),
    ("in place: nothing is given back", "in_place.c", "for (uint32_t i = 0; lack > 0 && i < place->version->count; i++)",
     "for (uint32_t i = 0; false && i < place->version->count; i++)"),
    ("in place: users before it is up", "in_place.c", "if (is_right(place, instance) && strategy_is_fit(turn, instance)) {",
     "if (is_right(place, instance)) {"),
    ("in place: the wrong ones are undrained", "in_place.c", "if (is_right(place, instance) && strategy_is_fit(turn, instance)) {",
     "if (strategy_is_fit(turn, instance)) {"),
    ("in place: back without the proxies", "in_place.c", "    if (!strategy_agreed(turn))\n        return false;\n", ""),
    ("in place: the build is never set", "in_place.c", "if (place.version->build != place.wanted)", "if (false)"),
    ("in place: ends too early", "in_place.c", "turn->action->count == 0 && finished == n;", "turn->action->count == 0;"),
    ("in place: always forward", "in_place.c", "place->wanted = strategy_is_back(turn) ? STRATEGY_BUILD_STARTING : STRATEGY_BUILD_TARGET;",
     "place->wanted = STRATEGY_BUILD_TARGET;"),
    ("recreate: the gap is not announced", "recreate_in_place.c", "if (version->mode != STRATEGY_CUT) {", "if (false) {"),
    ("recreate: stops while in use", "recreate_in_place.c", "if (there > 0 && !strategy_is_version_quiet(turn, STRATEGY_FROM))", "if (false)"),
    ("recreate: the build before all are gone", "recreate_in_place.c", "if (there > 0 || version->replicas > 0)", "if (version->replicas > 0)"),
    ("recreate: open too early", "recreate_in_place.c", "uint32_t enough = strategy_is_back(turn) ? 1 : n;", "uint32_t enough = 1;"),
    ("recreate: never open again", "recreate_in_place.c", "if (version->mode != STRATEGY_ACTIVE && fit >= enough)", "if (false)"),
    ("ramp: one too many", "ramp.c", "plan->replicas + plan->surge_count;", "plan->replicas + plan->surge_count + 1;"),
    ("ramp: one too few", "ramp.c", "plan->replicas - plan->unavailable_count;",
     "plan->replicas - plan->unavailable_count - (plan->replicas > plan->unavailable_count);"),
    ("ramp: shares never move", "ramp.c", "if (ramp->up == STRATEGY_TO ? share < wanted : share > wanted)", "if (false)"),
    ("ramp: shares fall", "ramp.c", "if (ramp->up == STRATEGY_TO ? share < wanted : share > wanted)", "if (share != wanted)"),
    ("ramp: drained before the share moved", "ramp.c", "if (!shift(turn, &ramp) || !strategy_agreed(turn))\n        return false;\n",
     "(void)shift(turn, &ramp);\n"),
    ("ramp: stops while in use", "ramp.c", "} else if (strategy_is_there(instance) && !strategy_is_quiet(turn, instance)) {", "} else if (false) {"),
    ("ramp: starts without room", "ramp.c", "ramp->grow->replicas + (room < missing ? room : missing)", "ramp->grow->replicas + missing"),
    ("ramp: those that go are not counted", "ramp.c",
     "strategy_count_planned(ramp->grow) + strategy_count_planned(ramp->shrink);", "strategy_count_planned(ramp->grow) + ramp->shrink->replicas;"),
    ("ramp: ends with the first", "ramp.c", "if (ramp.served == n && turn->action->count == 0 &&", "if (ramp.served > 0 && turn->action->count == 0 &&"),
    ("ramp: new users on the way back", "ramp.c", "if (ramp->up == STRATEGY_FROM && ramp->shrink->mode == STRATEGY_ACTIVE)", "if (false)"),
    ("ramp: stops the wrong ones", "ramp.c", "} else if (is_top && i < count) {", "} else if (i < count) {"),
    ("ramp: nothing is given back", "ramp.c", "i < ramp->shrink->count && (lack > 0 || above > 0); i++", "i < ramp->shrink->count && false; i++"),
    ("ramp: any may be drained", "ramp.c", "if (spare == 0 || !strategy_is_serving(turn, instance))", "if (spare == 0 && false)"),
    ("steps: start is skipped", "steps.c", "return (!resets_disks || has_new_disks(turn)) && strategy_start(turn);", "return true;"),
    ("steps: old disks", "steps.c", "return (!resets_disks || has_new_disks(turn)) && strategy_start(turn);", "return strategy_start(turn);"),
    ("steps: disks while instances run", "steps.c", "if (version->replicas > 0 || there > 0)\n        return", "if (version->replicas > 0)\n        return"),
    ("steps: users left in", "steps.c", "    if (!has_sent_home(turn))\n        return false;\n", ""),
    ("steps: shares fall", "steps.c", "rule->share_ppm < step->ppm", "rule->share_ppm != step->ppm"),
    ("steps: twice the share", "steps.c", "        command->ppm = step->ppm;\n    }", "        command->ppm = step->ppm * 2;\n    }"),
    ("steps: users before instances", "steps.c", "return strategy_start(turn) && do_traffic(turn, step);", "return do_traffic(turn, step) && strategy_start(turn);"),
    ("steps: a failed test is ignored", "steps.c", "    if (state == STRATEGY_HOOK_BAD) {\n        strategy_go_back(turn, STRATEGY_CAUSE_TEST);\n        return false;\n    }\n",
     "    if (state == STRATEGY_HOOK_BAD)\n        return true;\n"),
    ("steps: data moves while FROM serves", "steps.c", "if (from->mode != STRATEGY_CUT) {", "if (false) {"),
    ("steps: data moves while requests are open", "steps.c", "if (from->open > 0) {", "if (false) {"),
    ("steps: a failed move is ignored", "steps.c", "if (turn->seen->hooks[hook] == STRATEGY_HOOK_BAD) {\n        strategy_go_back(turn, STRATEGY_CAUSE_HOOK);\n        return false;",
     "if (turn->seen->hooks[hook] == STRATEGY_HOOK_BAD) {\n        return true;"),
    ("steps: never switched", "steps.c", "return strategy_start(turn) && do_switch(turn);", "return strategy_start(turn);"),
    ("steps: a step without its hook", "steps.c", "!strategy_ask_hook(turn, STRATEGY_HOOK_STEP) || ", ""),
    ("steps: no evidence", "steps.c", "!do_step(turn, step) ||\n        !strategy_has_evidence(turn, &step->evidence))", "!do_step(turn, step))"),
    ("steps: one is left out", "steps.c", "    record->step++;", "    record->step += record->step + 2 < plan->step_count ? 2 : 1;"),
    ("steps: old evidence counts", "steps.c", "    record->evidence_since_ms = 0;\n", ""),
    ("evidence: from before the change", "evidence.c", "    if (record->evidence_since_ms == 0) {", "    if (false) {"),
    ("evidence: too short", "evidence.c", "if (since_ms < evidence->for_ms)", "if (false)"),
    ("evidence: too few requests", "evidence.c", "if (figures->requests < evidence->requests)", "if (false)"),
    ("evidence: no verdict is a good one", "evidence.c", "figures->verdict != STRATEGY_VERDICT_BETTER &&\n        figures->verdict != STRATEGY_VERDICT_SAME",
     "figures->verdict == STRATEGY_VERDICT_WORSE"),
    ("evidence: nobody is asked", "evidence.c", "return !evidence->person || strategy_wait_person(turn, STRATEGY_WAIT_PROMOTE);", "return true;"),
    ("evidence: nobody confirms", "evidence.c", "if (evidence->confirm && !strategy_ask_hook(turn, STRATEGY_HOOK_CONFIRM))", "if (false)"),
    ("evidence: undecided for ever", "evidence.c", "if (limit_ms > 0 && since_ms >= limit_ms) {", "if (false) {"),
    ("evidence: a promote counts twice", "evidence.c", "turn->seen->wishes.promoted > record->step)", "turn->seen->wishes.promoted + 1 > record->step)"),
    ("next: an abort is ignored", "next.c", "if (seen->wishes.abort)\n", "if (false)\n"),
    ("next: an abort at the proxy is ignored", "next.c", "if (seen->rule.owner == STRATEGY_OWNER_GONE)", "if (false)"),
    ("next: worse is ignored", "next.c", "if (seen->figures.verdict == STRATEGY_VERDICT_WORSE)", "if (false)"),
    ("next: a limit is ignored", "next.c", "if (seen->figures.is_over_limit)", "if (false)"),
    ("next: a pause is ignored", "next.c", "    if (seen->wishes.pause) {\n        stand_still", "    if (false) {\n        stand_still"),
    ("next: a take-over is ignored", "next.c", "    if (seen->rule.owner == STRATEGY_OWNER_OTHER) {", "    if (false) {"),
    ("next: proxies are not asked", "next.c", "if (strategy_agreed(turn) && strategy_ask_hook", "if (strategy_ask_hook"),
    ("next: begins without the hook before", "next.c", "strategy_ask_hook(turn, STRATEGY_HOOK_BEFORE) &&", "true &&"),
    ("next: waits for ever", "next.c", "if (now_ms - record->waiting_since_ms >= turn->plan->progress_ms)", "if (false)"),
    ("next: no patience", "next.c", "if (now_ms - record->waiting_since_ms >= turn->plan->progress_ms)", "if (true)"),
    ("next: back is forgotten", "next.c", "    case STRATEGY_BACK:\n        go_back(&turn);", "    case STRATEGY_BACK:\n        go_forward(&turn);"),
    ("next: returned at once", "next.c", "    if (run(turn)) {\n        action->record.course = STRATEGY_RETURNED;", "    if (run(turn) || true) {\n        action->record.course = STRATEGY_RETURNED;"),
    ("back: users stay", "back_across.c", "    if (!is_home(&turn->seen->rule))\n        strategy_do(turn, STRATEGY_DO_STABLE, STRATEGY_FROM);\n", ""),
    ("back: home before there is one", "back_across.c", "    if (!may_have_shrunk(turn))\n        return true;\n", "    return true;\n"),
    ("back: users wait for nothing", "back_across.c", "    if (!may_have_shrunk(turn))\n        return true;\n", ""),
    ("back: TO is left as it is", "back_across.c", "return strategy_agreed(turn) && restore(turn);", "return strategy_agreed(turn);"),
    ("back: idle instances are forgotten", "back_across.c", "if (to->replicas != turn->plan->idle_replicas) {", "if (to->replicas > turn->plan->idle_replicas) {"),
    ("back: FROM stays cut", "back_across.c", "is_active = strategy_activate(turn, STRATEGY_FROM);", "is_active = true;"),
    ("back: TO keeps the build", "back_across.c", "if (strategy_stop(turn, STRATEGY_TO))\n            strategy_do_build", "if (strategy_stop(turn, STRATEGY_TO) && false)\n            strategy_do_build"),
    ("start: old instances stay", "start.c", "if (i < n && strategy_is_there(instance) && instance->build != STRATEGY_BUILD_TARGET)", "if (false)"),
    ("start: TO is not told its build", "start.c", "if (version->build != STRATEGY_BUILD_TARGET)", "if (false)"),
    ("start: ready is enough", "start.c", "    if (fit < n)\n        return strategy_wait(turn, STRATEGY_WAIT_UP, fit, n);\n", ""),
    ("start: all but one", "start.c", "    if (ready < n)\n        return strategy_wait(turn, STRATEGY_WAIT_STARTED, ready, n);\n    if (fit < n)\n        return strategy_wait(turn, STRATEGY_WAIT_UP, fit, n);\n",
     "    if (fit + 1 < n)\n        return strategy_wait(turn, STRATEGY_WAIT_UP, fit, n);\n"),
    ("stop: while in use", "start.c", "if (there > 0 && !strategy_is_version_quiet(turn, part))", "if (false)"),
    ("stop: without being drained", "start.c", "if (version->mode == STRATEGY_ACTIVE) {", "if (false) {"),
    ("stop: on the way is gone", "start.c", "if (version->replicas == 0 && there == 0)", "if (version->replicas == 0)"),
    ("look: those that stop are there", "look.c", "return instance->exists && !instance->is_stopping;", "return instance->exists;"),
    ("look: unready ones are fit", "look.c", "strategy_is_there(instance) && instance->is_ready && instance->is_up &&", "strategy_is_there(instance) &&"),
    ("look: drained ones serve", "look.c", "return strategy_is_fit(turn, instance) && instance->mode == STRATEGY_ACTIVE;", "return strategy_is_fit(turn, instance);"),
    ("turn: most proxies will do", "turn.c", "proxies->agreed == proxies->count && proxies->silent == 0", "proxies->agreed > 0"),
    ("turn: silent proxies have agreed", "turn.c", "proxies->agreed == proxies->count && proxies->silent == 0", "proxies->agreed == proxies->count"),
)


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


def compile_file(source, target):
    done = run([*COMPILER, *FLAGS, "-c", str(source), "-o", str(target)])
    if done.returncode != 0:
        sys.exit(f"mutation: {source} does not compile:\n{done.stderr[-2000:]}")
    return target


def find(program, walks=WALKS):
    """In which walk a promise broke, or None."""
    environment = {**os.environ, "WALK_QUIET": "1"}
    for replicas, disturbances in walks:
        try:
            done = run([str(program), replicas, disturbances], env=environment, timeout=120)
        except subprocess.TimeoutExpired:
            return f"N={replicas}: does not end"
        if done.returncode != 0:
            return f"N={replicas}, {disturbances} disturbances"
    return None


def main(arguments):
    word = next((argument for argument in arguments if not argument.startswith("--")), "")
    faults = [fault for fault in FAULTS if word in fault[0]]
    if "--sample" in arguments:
        faults = faults[::8]
    began = time.monotonic()
    survived = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        walk = [compile_file(ROOT / "tests/unit/updates" / f"{name}.c", folder / f"walk-{name}.o")
                for name in ("world", "events", "promises", "walk", "cases", "test_walk")]
        walk += [compile_file(ROOT / "strategies" / name, folder / (name.replace("/", "-") + ".o"))
                 for name in ("traffic/mix.c", "verdict/judge.c")]
        objects = {path.name: compile_file(path, folder / f"{path.stem}.o") for path in sorted(SOURCES.glob("*.c"))}
        program = folder / "walk"

        def link(parts):
            done = run(["cc", *map(str, [*parts, *walk]), "-o", str(program), "-lcmocka", "-lm"])
            if done.returncode != 0:
                sys.exit(f"mutation: does not link:\n{done.stderr[-2000:]}")

        link(objects.values())
        if not word and (said := find(program, WALKS[:2])) is not None:
            sys.exit(f"mutation: the walk breaks without any fault ({said})")
        for name, file, old, new in faults:
            text = (SOURCES / file).read_text()
            if text.count(old) != 1:
                sys.exit(f"mutation: {name}: stands {text.count(old)} times in {file}: {old}")
            planted = folder / file
            planted.write_text(text.replace(old, new))
            mutant = compile_file(planted, folder / "mutant.o")
            link([mutant if key == file else value for key, value in objects.items()])
            said = find(program)
            print(f"{'SURVIVED' if said is None else 'found   '} {name} ({file})" + (f": {said}" if said else ""), flush=True)
            if said is None:
                survived.append(name)
    print(f"mutation: {len(faults)} faults planted, {len(faults) - len(survived)} found, {time.monotonic() - began:.0f} s")
    return 1 if survived or not faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
