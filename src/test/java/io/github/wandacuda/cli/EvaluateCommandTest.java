package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code evaluate} from the command line, against a reference in Python and PyTorch. */
class EvaluateCommandTest {
  private static final Path DATA = Path.of("testdata/tasks");
  private static final String ALL =
      "boolq,rte,hellaswag,winogrande,arc_easy,arc_challenge,openbookqa,piqa,mmlu";

  private static Ended run(Object... more) {
    return InProcess.line("evaluate --model %s --backend cpu", TestData.TINY_LLAMA, more);
  }

  private static JsonNode json(Object... more) throws IOException {
    List<Object> words = Words.of("--json --quiet", more);
    Ended result = run(words.toArray()).succeeds();
    assertThat(result.err()).isEmpty();
    return JsonMapper.builder().build().readTree(result.out());
  }

  @ParameterizedTest
  @ValueSource(strings = {"hub", "lines"})
  @FirstCases(1)
  void givesTheReferencesNumbers(String format) throws IOException {
    JsonNode result = json("--tasks", ALL, "--data", DATA.resolve(format), "--log-likelihoods");
    JsonNode expected = TestData.json(DATA.resolve("expected.json"));
    assertThat(result.get("tasks").properties().stream().map(Map.Entry::getKey))
        .containsExactly(ALL.split(","));
    double sum = 0;
    for (Map.Entry<String, JsonNode> task : expected.properties()) {
      assertTask(task.getKey(), result.get("tasks").get(task.getKey()), task.getValue());
      sum += task.getValue().get("accuracy").doubleValue();
    }
    assertThat(result.get("mean_accuracy").doubleValue()).isCloseTo(sum / 9, within(1e-12));
  }

  private static void assertTask(String name, JsonNode found, JsonNode expected) {
    for (String key :
        List.of("accuracy", "accuracy_stderr", "accuracy_norm", "accuracy_norm_stderr")) {
      if (expected.get(key).isNull()) {
        assertThat(found.get(key).isNull()).as("%s %s", name, key).isTrue();
      } else {
        assertThat(found.get(key).doubleValue())
            .as("%s %s", name, key)
            .isCloseTo(expected.get(key).doubleValue(), within(1e-12));
      }
    }
    assertThat(found.get("documents")).isEqualTo(expected.get("documents"));
    for (int document = 0; document < expected.get("documents").intValue(); document++) {
      JsonNode scores = expected.get("log_likelihoods").get(document);
      for (int choice = 0; choice < scores.size(); choice++) {
        assertThat(found.get("log_likelihoods").get(document).get(choice).doubleValue())
            .as("%s, document %d, choice %d", name, document, choice)
            .isCloseTo(scores.get(choice).doubleValue(), within(1e-4));
      }
      assertThat(found.get("log_likelihoods").get(document)).hasSize(scores.size());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  @Thorough
  void aGenericTaskGivesTheReferencesNumbers(boolean bos) throws IOException {
    List<Object> words = Words.of("--tasks %s --log-likelihoods", DATA.resolve("generic.jsonl"));
    if (!bos) {
      words.add("--no-bos");
    }
    JsonNode task = json(words.toArray()).get("tasks").get("generic");
    JsonNode expected =
        TestData.json(DATA.resolve("generic.expected.json")).get(bos ? "bos" : "no_bos");
    for (int document = 0; document < expected.size(); document++) {
      for (int choice = 0; choice < expected.get(document).size(); choice++) {
        assertThat(task.get("log_likelihoods").get(document).get(choice).doubleValue())
            .isCloseTo(
                expected.get(document).get(choice).get("log_likelihood").doubleValue(),
                within(1e-4));
      }
    }
    assertThat(task.get("documents").intValue()).isEqualTo(expected.size());
  }

  @Test
  @Thorough
  void mmluIsSharedOutToGroupsAndSubjects() throws IOException {
    JsonNode mmlu = json("--tasks", "mmlu", "--data", DATA.resolve("hub")).get("tasks").get("mmlu");
    assertThat(mmlu.has("log_likelihoods")).isFalse();
    for (String part : List.of("groups", "subjects")) {
      assertThat(mmlu.get(part)).hasSize(2);
      for (JsonNode one : mmlu.get(part)) {
        assertThat(one.get("documents").intValue()).isEqualTo(2);
        assertThat(one.get("accuracy").isNumber()).isTrue();
      }
    }
    assertThat(mmlu.get("groups").properties().stream().map(Map.Entry::getKey))
        .containsExactly("social sciences", "stem");
    assertThat(mmlu.get("subjects").properties().stream().map(Map.Entry::getKey))
        .containsExactly("abstract_algebra", "us_foreign_policy");
  }

  @Test
  @Thorough
  void printsATable() {
    Ended result = run("--tasks", "hellaswag,rte,mmlu", "--data", DATA.resolve("hub")).succeeds();
    assertThat(result.out().lines())
        .element(0)
        .asString()
        .matches("task +documents +acc +stderr +acc_norm +stderr");
    assertThat(result.out().lines().map(line -> line.strip().split(" +")[0]))
        .containsExactly(
            "task hellaswag rte mmlu social stem abstract_algebra us_foreign_policy mean"
                .split(" "));
    assertThat(result.err()).contains("WARN mmlu: 2 of 57 subjects are there");
  }

  /** A single document has no standard error. */
  @Test
  void aSingleDocumentHasNoStandardError() throws IOException {
    JsonNode task =
        json("--tasks", "piqa", "--data", DATA.resolve("hub"), "--limit", 1)
            .get("tasks")
            .get("piqa");
    assertThat(task.get("documents").intValue()).isEqualTo(1);
    assertThat(task.get("accuracy_stderr").isNull()).isTrue();
    assertThat(task.get("accuracy_norm_stderr").isNull()).isTrue();
  }
}
