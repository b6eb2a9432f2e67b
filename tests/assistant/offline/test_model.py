"""Turns with the offline model, through the same agent, tools and approvals as any other."""

from datetime import date

from assistant import agent as agents
from assistant.events import ApprovalNeeded, Done, Failed, Shown, TextDelta, ToolCalled
from assistant.offline.acting import Acting
from assistant.offline.answering import Answering, Plan
from assistant.offline.commands import Command, vocabulary
from assistant.offline.parser import read
from assistant.offline.sources import look
from tests.assistant.conftest import SEED, Talk
from tests.conftest import registered
from tools import databases, jobs, queries, schemas, sync
from tools.desk import Desk
from tools.toolbox import Actor, Toolbox, open_toolbox


def tools_called(talk: Talk) -> list[str]:
    return [event.name for event in talk.events if isinstance(event, ToolCalled)]


def cards(talk: Talk) -> list[str]:
    return [event.card.type for event in talk.events if isinstance(event, Shown)]


async def test_a_question_is_answered_with_its_number_first(talk: Talk, sales: str) -> None:
    assert await talk.say("How many customers are there?") == "There are 4 customers."
    assert tools_called(talk) == ["run_query"]
    assert cards(talk) == ["result"]
    done = talk.events[-1]
    assert isinstance(done, Done) and done.model == "offline" and done.input_tokens == 0
    assert sum(isinstance(event, TextDelta) for event in talk.events) > 1


async def test_of_two_databases_alike_the_one_that_is_named_is_asked(
    talk: Talk, sales: str, toolbox: Toolbox, actor: Actor
) -> None:
    async with registered(toolbox, actor, "twin", lambda there: there.execute(SEED)):
        for name in ("twin", sales, "twin"):
            assert "4 customers" in await talk.say(f"How many customers are there in {name}?")
            asked = [event.args["database"] for event in talk.events if isinstance(event, ToolCalled)]
            assert asked[-1] == name


async def test_what_it_suggests_next_can_be_asked(talk: Talk, sales: str) -> None:
    await talk.say("How many customers are there?")
    done = talk.events[-1]
    assert isinstance(done, Done) and "and by country?" in done.suggestions
    await talk.say("and by country?")
    assert cards(talk) == ["result"]


async def test_the_answer_carries_its_reading(talk: Talk, sales: str, toolbox: Toolbox, actor: Actor) -> None:
    await talk.say("How many customers are there per country?")
    entry = (await queries.list_queries(toolbox, actor))[0]
    assert entry.answer is not None and "country" in entry.answer.read_as
    assert 0 < entry.answer.confidence <= 1


async def test_a_number_of_a_month_is_told_beside_the_month_before(talk: Talk, sales: str) -> None:
    said = await talk.say("How many orders were placed in March 2026?")
    assert "2 orders were placed in March 2026, 100 % more than in February (1)." in said
    assert cards(talk) == ["result"], "the number beside it is no answer of its own"
    assert "than in" not in await talk.say("How many orders were placed in January 2026?"), "there was nothing before"


async def test_the_first_of_a_ranking_is_told_with_what_it_went_by(talk: Talk, sales: str) -> None:
    assert "Ada has the most orders (2)." in await talk.say("Which customer has the most orders?")


async def test_without_a_database_it_says_how_to_begin(talk: Talk) -> None:
    assert "register a database" in await talk.say("How many customers are there?")


async def test_what_the_data_do_not_hold_is_declined(talk: Talk, sales: str) -> None:
    said = await talk.say("What is the weather tomorrow?")
    assert "weather" in said and "customers" in said
    assert cards(talk) == []


async def test_a_follow_up_keeps_its_context_after_a_restart(talk: Talk, sales: str, toolbox: Toolbox) -> None:
    await talk.say("How many customers are there?")
    async with open_toolbox(toolbox.settings) as restarted:
        talk.box = restarted
        said = await talk.say("and by country?")
    assert "France leads with 2 customers" in said
    await talk.say("save this as verified")
    saved = await queries.list_examples(toolbox, talk.actor)
    assert [example.question for example in saved] == ["How many customers are there? and by country?"]


async def test_why_shows_the_reading_and_the_query(talk: Talk, sales: str) -> None:
    assert "no answer" in await talk.say("why?")
    await talk.say("How many customers are there?")
    said = await talk.say("why?")
    assert "number of customers" in said and "SELECT" in said


async def test_sql_as_typed_is_run_and_a_write_is_refused(talk: Talk, sales: str) -> None:
    assert await talk.say("run this SQL: select name from customers order by name") == "4 rows."
    assert "did not run" in await talk.say("run this SQL: delete from customers")
    assert cards(talk) == []
    assert "only read" in await talk.say("delete all customers")
    assert tools_called(talk) == []


async def test_commands_call_their_tools(talk: Talk, sales: str) -> None:
    assert await talk.say("show me the databases, please") == "1 database is registered."
    assert tools_called(talk) == ["list_databases"]
    assert await talk.say("list tables") == "sales has 2 tables."
    assert await talk.say("describe orders") == "orders in sales has 5 columns."
    assert "nothing failed this week." in (await talk.say("what failed this week?")).lower()
    await talk.say("register our warehouse db")
    assert cards(talk) == ["register"]
    assert "password" in await talk.say("register a database")


async def test_an_unknown_name_is_told(talk: Talk, sales: str) -> None:
    said = await talk.say("check wharf")
    assert "'wharf'" in said and "sales" in said


async def test_syncs_and_schedules_by_sentence(talk: Talk, sales: str, toolbox: Toolbox, actor: Actor) -> None:
    said = await talk.say("what would a sync of orders read?")
    assert (tools_called(talk), cards(talk)) == (["preview_sync"], ["table"])
    assert "would read about" in said

    said = await talk.say("sync orders and customers from sales every night at 2, only the last 18 months")
    assert (tools_called(talk), cards(talk)) == (["schedule_sync"], ["schedule"])
    made = (await jobs.schedules.list_schedules(toolbox, actor))[0]
    assert (made.cron, made.arguments["options"]) == ("0 2 * * *", {"since": "18 months"})
    assert said.startswith("Every day at 02:00") and "only the last 18 months" in said

    await talk.say("sync the orders table")
    assert (tools_called(talk), cards(talk)) == (["sync_tables"], ["job"])
    live = (await jobs.list_jobs(toolbox, actor, kind="sync"))[0]
    await talk.say("how is the sync going?")
    assert tools_called(talk) == ["job_status"]
    await talk.say("cancel the sync of orders")
    assert (await jobs.get(toolbox, actor, live.id)).state == "cancelled"

    await talk.say("ignore customers.country when syncing")
    assert tools_called(talk) == ["edit_sync_plan"]
    assert (await sync.plan_of(toolbox, actor, sales, "customers")).ignored == ("country",)
    assert await talk.say("show schedules") == "1 schedule."
    await talk.say("pause the nightly sync")
    assert (await jobs.schedules.get(toolbox, actor, made.id)).paused
    assert "already" in await talk.say("pause the nightly sync")
    await talk.say("resume the nightly sync")
    await talk.say("change the nightly sync to weekdays at 7:30")
    assert (await jobs.schedules.get(toolbox, actor, made.id)).cron == "30 7 * * 1-5"
    assert "divide an hour" in await talk.say("sync orders every 45 minutes")


async def test_deleting_a_schedule_waits_for_a_word(talk: Talk, sales: str, toolbox: Toolbox, actor: Actor) -> None:
    await talk.say("train sales every night at 2")
    assert cards(talk) == ["schedule"]
    await talk.say("delete the schedule of sales")
    asked = next(event for event in talk.events if isinstance(event, ApprovalNeeded))
    assert "will not start again" in asked.calls[0].consequence
    await talk.say(None, {asked.calls[0].id: True})
    assert await jobs.schedules.list_schedules(toolbox, actor) == ()
    assert "no such schedule" in await talk.say("pause the schedule")


async def test_of_several_schedules_one_is_chosen(talk: Talk, sales: str, toolbox: Toolbox, actor: Actor) -> None:
    await talk.say("train sales every night at 2")
    await talk.say("train sales every hour")
    await talk.say("pause the training of sales")
    choice = next(event.card for event in talk.events if isinstance(event, Shown) and event.card.type == "choices")
    assert len(choice.choices) == 2
    await talk.say(choice.choices[0].message)
    assert sum(one.paused for one in await jobs.schedules.list_schedules(toolbox, actor)) == 1
    await talk.say("pause everything")
    assert all(one.paused for one in await jobs.schedules.list_schedules(toolbox, actor))


async def test_what_failed_is_tried_again_together(talk: Talk, sales: str, toolbox: Toolbox, actor: Actor) -> None:
    for target in ("sales", "stock"):
        await jobs.records.record_failure(toolbox, actor, "train", target, "no right")
    await talk.say("what failed this week?")
    assert cards(talk) == ["board"]
    assert "2 jobs are queued again" in await talk.say("retry all")
    assert "what runs" in await talk.say("show jobs")


async def test_documents_are_searched_by_sentence(talk: Talk, sales: str, toolbox: Toolbox, actor: Actor) -> None:
    job = await sync.start_sync(toolbox, actor, sales)
    await jobs.attempt(toolbox, job.id, lambda _: sync.run_sync)
    said = await talk.say("find documents about Ada")
    assert (tools_called(talk), cards(talk)) == (["search_documents"], ["documents"])
    assert "found" in said


async def test_forgetting_waits_for_a_word(talk: Talk, sales: str, toolbox: Toolbox, actor: Actor) -> None:
    await talk.say("forget sales")
    asked = next(event for event in talk.events if isinstance(event, ApprovalNeeded))
    assert await talk.say(None, {asked.calls[0].id: False}) == "Nothing was done."
    await talk.say("forget sales")
    asked = next(event for event in talk.events if isinstance(event, ApprovalNeeded))
    assert "sales" in await talk.say(None, {asked.calls[0].id: True})
    assert await databases.list_databases(toolbox, actor) == ()


async def test_a_correction_is_kept_as_a_note(talk: Talk, sales: str, toolbox: Toolbox, actor: Actor) -> None:
    await talk.say("What is the average total of orders?")
    said = await talk.say("that's wrong, the total must not include cancelled orders")
    assert "Noted for sales" in said
    assert "New answer: The average total of orders is 31.67. Before, it was 25." in said
    entry = (await queries.list_queries(toolbox, talk.actor))[0]
    assert entry.answer is not None and any("uses the note by" in reason for reason in entry.answer.reasons)
    notes = await schemas.list_notes(toolbox, actor, "sales")
    assert [note.text for note in notes] == ["the total must not include cancelled orders"]
    assert "This uses the note by" in await talk.say("What is the average total of orders per status?")
    undone = await talk.say("remove the note saying the total must not include cancelled orders")
    assert "Removed the note" in undone and "The answer without it: Of 2 statuses" in undone
    assert "no such note" in await talk.say("remove the note saying the total must not include cancelled orders")
    await talk.say("note: totals are in euros")
    assert await talk.say("undo note") == "Removed the note 'totals are in euros'."
    assert await schemas.list_notes(toolbox, actor, "sales") == ()


async def test_an_answer_is_saved_as_verified_and_found_again(talk: Talk, sales: str) -> None:
    assert "no answer" in await talk.say("save this as verified")
    await talk.say("How many customers are there?")
    await talk.say("save this as verified")
    assert tools_called(talk) == ["save_verified"]
    assert await talk.say("list verified questions") == "1 verified question."


async def test_what_can_i_ask_offers_questions_that_work(talk: Talk, sales: str) -> None:
    await talk.say("what can I ask?")
    choice = next(event.card for event in talk.events if isinstance(event, Shown) and event.card.type == "choices")
    assert len(choice.choices) >= 2
    for option in choice.choices:
        await talk.say(option.message)
        assert cards(talk) == ["result"], option.message


async def test_an_offered_reading_is_taken_as_it_was_offered(talk: Talk, sales: str, toolbox: Toolbox) -> None:
    desk = Desk(toolbox, talk.actor, today=date(2026, 11, 21), database="sales")
    sources = await look(desk)
    answering = Answering(desk, sources)
    understood = read("How many orders are there?", sources[0].tables, "postgres", desk.today)
    assert understood.best is not None
    step = answering._ask("Which?", Plan("orders?", sources[0], understood))
    message = step.calls[0].args["choices"][0]["message"]
    chosen = answering.offered(message)
    assert chosen is not None and chosen.calls[0].args["sql"] == understood.best.sql
    assert answering.offered("something else") is None


async def test_another_database_is_chosen_by_its_name(talk: Talk, sales: str) -> None:
    assert await talk.say("how many customers are there in sales?") == "There are 4 customers."
    assert "sales" in await talk.say("use sales")


async def test_every_command_calls_a_tool_that_exists_with_arguments_it_takes(
    toolbox: Toolbox, actor: Actor, sales: str
) -> None:
    desk = Desk(toolbox, actor, database="sales")
    schema = {
        tool.name: tool.function_schema.json_schema
        for each in agents.toolset().wrapped.wrapped.toolsets  # type: ignore[attr-defined]  # two wrappers over all
        for tool in each.tools.values()
    }
    for entry in vocabulary().entries:
        acting = Acting(desk, Answering(desk, await look(desk)), "typed", None if entry.intent == "why" else "0" * 32)
        step = await acting.carry_out(
            Command(entry.intent, "sales", table="orders", tables="orders", number=1, text="words", name="other")
        )
        assert step.text or step.calls, entry.intent
        for call in step.calls:
            args = {name for name, value in call.args.items() if value is not None}
            assert args <= set(schema[call.tool]["properties"]), call
            assert set(schema[call.tool].get("required", ())) <= args, call


async def test_a_turn_that_fails_is_told(talk: Talk, sales: str, toolbox: Toolbox) -> None:
    await talk.say("cancel 999999")
    assert not any(isinstance(event, Failed) for event in talk.events)
    text = "".join(event.text for event in talk.events if isinstance(event, TextDelta))
    assert "999999" in text
