package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The requests of all tasks to the letter, written out by hand from the harness's definitions, from
 * the hub's Parquet files and from the authors' own.
 */
class TaskRequestsTest {
  private static final Path DATA = Path.of("testdata/tasks");

  /** Returns a document as text: a line for each request, with the right one marked. */
  private static String written(TaskDocument document) {
    return document.choices().stream()
        .map(
            choice ->
                "%s[%s](%s)%d"
                    .formatted(
                        document.choices().indexOf(choice) == document.gold() ? "*" : " ",
                        choice.context(),
                        choice.continuation(),
                        choice.length()))
        .collect(Collectors.joining("\n"));
  }

  private static List<String> documents(String format, String task) {
    return task(format, task).documents().stream().map(TaskRequestsTest::written).toList();
  }

  private static Task task(String format, String task) {
    return Tasks.read(List.of(task), DATA.resolve(format), Long.MAX_VALUE).getFirst();
  }

  private static String choices(String context, int gold, String... answers) {
    return choices(List.of(context), gold, answers);
  }

  private static String choices(List<String> contexts, int gold, String... answers) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < answers.length; i++) {
      text.append(i == 0 ? "" : "\n")
          .append(i == gold ? "*" : " ")
          .append("[%s]".formatted(contexts.get(i % contexts.size())))
          .append(
              "( %s)%d".formatted(answers[i], answers[i].codePointCount(0, answers[i].length())));
    }
    return text.toString();
  }

  @ParameterizedTest
  @ValueSource(strings = {"hub", "lines"})
  void boolq(String format) {
    assertThat(documents(format, "boolq"))
        .containsExactly(
            choices(
                "The harbour of the small town stays open all year. Ships come in winter too.\n"
                    + "Question: is the harbour open in winter?\nAnswer:",
                1,
                "no",
                "yes"),
            choices(
                "The lamps in the street burn gas. Oil was used before.\n"
                    + "Question: do the lamps burn oil?\nAnswer:",
                0,
                "no",
                "yes"),
            choices(
                "The first bridge was made of wood, the second one of stone.\nIt is 40 m long.\n"
                    + "Question: was the bridge built of wood?\nAnswer:",
                1,
                "no",
                "yes"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"hub", "lines"})
  void rte(String format) {
    assertThat(documents(format, "rte"))
        .containsExactly(
            choices(
                "The cat sleeps on the warm stone.\n"
                    + "Question: The cat is asleep. True or False?\nAnswer:",
                0,
                "True",
                "False"),
            choices(
                "Two ships left the harbour at dawn.\n"
                    + "Question: The ships left in the evening. True or False?\nAnswer:",
                1,
                "True",
                "False"));
  }

  /**
   * Markup goes, after which two spaces become one but once, so that two of three stay; all of
   * {@code ctx_b} but its first letter is small.
   */
  @ParameterizedTest
  @ValueSource(strings = {"hub", "lines"})
  void hellaswag(String format) {
    assertThat(documents(format, "hellaswag"))
        .containsExactly(
            choices(
                "Baking bread: A woman mixes flour and water in a bowl. She", 0,
                "puts the dough into the oven.", "swims across the lake.",
                "paints the bowl blue.", "sings to the bread."),
            choices(
                "Home and Garden: How to water plants. Look at the soil.  Dry soil needs water.",
                2,
                "Pour water slowly. Stop when it is wet.",
                " Cut the plant.",
                "Wait for rain.",
                "Sell the  pot."),
            choices(
                "Sailing: The boat turns into the wind. Éva and the crew", 3,
                "haul in the sail.", "eat the mast.",
                "fold the sea.", "count to ten."));
  }

  /** The answer is in the context, and what is scored is the rest of the sentence. */
  @ParameterizedTest
  @ValueSource(strings = {"hub", "lines"})
  void winogrande(String format) {
    assertThat(documents(format, "winogrande"))
        .containsExactly(
            choices(
                List.of(
                    "The baker gave the bread to the child because the baker",
                    "The baker gave the bread to the child because the child"),
                1,
                "was hungry.",
                "was hungry."),
            choices(
                List.of(
                    "The lamp did not fit into the box because the box",
                    "The lamp did not fit into the box because the lamp"),
                0,
                "was too small .",
                "was too small ."));
  }

  @ParameterizedTest
  @ValueSource(strings = {"hub", "lines"})
  void arc(String format) {
    assertThat(documents(format, "arc_easy"))
        .containsExactly(
            choices(
                "Question: Which of these melts in the sun?\nAnswer:", 1, "stone", "ice", "iron"),
            choices(
                "Question: What do plants take up by their roots?\nAnswer:", 2,
                "light", "wind",
                "water", "sound"));
    assertThat(documents(format, "arc_challenge"))
        .containsExactly(
            choices(
                "Question: A ball rolls down a hill. What happens to its speed?\nAnswer:",
                0,
                "It grows.",
                "It falls.",
                "It stays.",
                "It is zero.",
                "It turns blue."),
            // Its key is a number where its answers have letters.
            choices(
                "Question: Which one is a metal?\nAnswer:", 3, "wood", "glass", "wool", "copper"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"hub", "lines"})
  void openbookqa(String format) {
    assertThat(documents(format, "openbookqa"))
        .containsExactly(
            choices(
                "A person wants to see in the dark, so they take", 0,
                "a lamp", "a spoon",
                "a shoe", "a cloud"),
            choices("Snow turns into", 1, "sand", "water", "wood", "smoke"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"hub", "lines"})
  void piqa(String format) {
    assertThat(documents(format, "piqa"))
        .containsExactly(
            choices(
                "Question: How do I keep bread fresh?\nAnswer:",
                0,
                "Put it into a closed box.",
                "Put it into the rain."),
            choices(
                "Question: To open a jar,\nAnswer:",
                1,
                "sing to the lid.",
                "turn the lid to the left."));
  }

  /** Five questions of the subject come first, and a sixth one that is there doesn't. */
  @ParameterizedTest
  @ValueSource(strings = {"hub", "lines"})
  void mmlu(String format) {
    String before =
        """
        The following are multiple choice questions (with answers) about us foreign policy.

        What is 11 plus 1?
        A. 12
        B. 13
        C. 14
        D. 15
        Answer: A

        What is 12 plus 2?
        A. 13
        B. 14
        C. 15
        D. 16
        Answer: B

        What is 13 plus 3?
        A. 16
        B. 17
        C. 18
        D. 19
        Answer: A

        What is 14 plus 4?
        A. 17
        B. 18
        C. 19
        D. 20
        Answer: B

        What is 15 plus 5?
        A. 20
        B. 21
        C. 22
        D. 23
        Answer: A

        """;
    Task task = task(format, "mmlu");
    assertThat(task.documents().stream().map(TaskDocument::group))
        .containsExactly(
            "abstract_algebra", "abstract_algebra", "us_foreign_policy", "us_foreign_policy");
    assertThat(task.warning()).isEqualTo("mmlu: 2 of 57 subjects are there");
    assertThat(written(task.documents().get(2)))
        .isEqualTo(
            choices(
                before + "What is 30 plus 3?\nA. 32\nB. 33\nC. 34\nD. 35\nAnswer:",
                1,
                "A",
                "B",
                "C",
                "D"));
    assertThat(written(task.documents().get(3)))
        .isEqualTo(
            choices(
                before + "What is 31 plus 3?\nA. 34\nB. 35\nC. 36\nD. 37\nAnswer:",
                0,
                "A",
                "B",
                "C",
                "D"));
    assertThat(task.documents().getFirst().choices().getFirst().context())
        .startsWith(
            "The following are multiple choice questions (with answers) about abstract algebra.\n\n"
                + "What is 1 plus 1?\nA. 2\n");
  }

  @Test
  void aLimitTakesTheFirstDocuments() {
    Path data = DATA.resolve("hub");
    List<Task> tasks = Tasks.read(List.of("hellaswag", "boolq", "mmlu"), data, 1);
    assertThat(tasks.stream().map(task -> task.documents().size())).containsExactly(1, 1, 2);
    assertThat(tasks.getFirst().documents().getFirst())
        .isEqualTo(task("hub", "hellaswag").documents().getFirst());
  }
}
