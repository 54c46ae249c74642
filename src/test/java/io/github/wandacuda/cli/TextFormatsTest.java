package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Every option that takes text goes by one rule: its name's ending says what a file holds. */
class TextFormatsTest {
  private static final Path ROWS =
      Path.of("testdata/tasks/hub/wikitext/wikitext-2-raw-v1/test-00000-of-00001.parquet");
  private static final Path DOCUMENTS = Path.of("testdata/tasks/hub/c4/en/validation/0000.parquet");

  @TempDir static Path directory;

  private static Path withoutTokenizer;
  private static Path ids;
  private static Path raw;

  /** Commands up to the file that an option takes text from; {in} is the model, {ids} token ids. */
  private static final List<String> OPTIONS =
      List.of(
          "perplexity --model {in} --text",
          "perplexity --model {in} --tokens",
          "compare --model {in} --methods magnitude --dry-run --calibration {ids} --text",
          "compare --model {in} --methods magnitude --dry-run --text {ids} --calibration",
          "prune --model {in} --method magnitude --output {out} --dry-run --evaluate",
          "prune --model {in} --output {out} --dry-run --calibration",
          "calibrate --model {in} --output {out} --calibration");

  @BeforeAll
  static void write() throws IOException {
    withoutTokenizer = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    Files.delete(withoutTokenizer.resolve("tokenizer.json"));
    String whole = Files.readString(Path.of("testdata/text/heldout.txt"));
    raw = Files.writeString(directory.resolve("heldout.raw"), whole.substring(0, 5000));
    String list =
        IntStream.range(3, 35).mapToObj(String::valueOf).collect(Collectors.joining(",", "[", "]"));
    ids = Files.writeString(directory.resolve("ids.json"), "[%s,%s]".formatted(list, list));
  }

  private Ended run(String command, Path model, Path file, Object... more) {
    Stream<String> words =
        Stream.of(command.split(" "))
            .map(word -> word.replace("{in}", model.toString()))
            .map(word -> word.replace("{ids}", ids.toString()))
            .map(word -> word.replace("{out}", directory.resolve("out-" + file.hashCode()) + ""));
    return InProcess.run(
        Stream.of(words, Stream.of(file, "--backend", "cpu", "--quiet"), Stream.of(more))
            .flatMap(part -> part)
            .toArray());
  }

  @ParameterizedTest
  @FieldSource("OPTIONS")
  void tokenIdsAreTakenWithoutATokenizer(String command) {
    run(command, withoutTokenizer, ids).succeeds();
  }

  @ParameterizedTest
  @FieldSource("OPTIONS")
  void listsOfSeveralLengthsAreWindows(String command) throws IOException {
    Path lists = Files.writeString(directory.resolve("lists.json"), "[[3,4,5,6],[7,8],[9,10,11]]");
    if (!command.endsWith("--calibration")) {
      run(command, withoutTokenizer, lists).succeeds();
    }
  }

  @Test
  void aComparisonHasThePerplexityOfListsOfSeveralLengths() throws IOException {
    Path lists = Files.writeString(directory.resolve("lists.json"), "[[3,4,5,6],[7,8],[9,10,11]]");
    double perplexity =
        run("perplexity --json --model {in} --text", withoutTokenizer, lists)
            .json()
            .get("perplexity")
            .asDouble();
    JsonNode compared =
        run(
                "compare --json --methods wanda --sparsity 0 --model {in} --calibration {ids} --text",
                withoutTokenizer,
                lists)
            .json();
    assertThat(compared.at("/dense/perplexity").asDouble()).isEqualTo(perplexity);
    assertThat(compared.at("/runs/0/perplexity").asDouble()).isEqualTo(perplexity);
    assertThat(run("perplexity --model {in} --text", withoutTokenizer, lists).out())
        .contains("over 3 windows of at most 4 tokens");
  }

  /** Of so many tokens no array holds the activations. */
  @ParameterizedTest
  @FieldSource("OPTIONS")
  @FirstCases(2)
  void aSequenceIsRefusedThatNoArrayHolds(String command) throws IOException {
    Path model = TestData.copy(withoutTokenizer, directory.resolve("long-" + command.hashCode()));
    TestData.replace(
        model.resolve("config.json"),
        "\"max_position_embeddings\": 512",
        "\"max_position_embeddings\": 10000000");
    Path list =
        Files.writeString(directory.resolve("list.json"), "[[" + "5,".repeat(5_000_000) + "5]]");
    run(command, model, list)
        .isRefused(3, list + ": expected sequences of at most 4473924 tokens", "found 5000001");
  }

  @Test
  void aWindowIsNamedThatFillsTheHeap() throws IOException {
    Path list =
        Files.writeString(directory.resolve("heap.json"), "[[" + "5,".repeat(100_000) + "5]]");
    List<Object> words =
        Words.of("perplexity --model %s --tokens %s --backend cpu --quiet", withoutTokenizer, list);
    Command.main(List.of("-Xmx128m", "-XX:+UseSerialGC"), Main.class, words)
        .run()
        .fails(3, list + ": expected content that fits into a Java heap of ");
  }

  @ParameterizedTest
  @FieldSource("OPTIONS")
  @FirstCases(1)
  void aTextOfAnyFormIsTaken(String command) {
    if (command.endsWith("--tokens")) {
      return;
    }
    List<Object> few = command.endsWith("--calibration") ? List.of("--samples", 2) : List.of();
    run(command, TestData.TINY_LLAMA, raw, few).succeeds();
    if (!command.startsWith("prune --model {in} --method")) {
      for (Path file : List.of(ROWS, DOCUMENTS)) {
        run(command, TestData.TINY_LLAMA, file, few, "--sequence-length", 8).succeeds();
      }
    }
  }
}
