package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
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
  private static final Path TEXT = Path.of("testdata/text/heldout.txt");
  private static final Path ROWS =
      Path.of("testdata/tasks/hub/wikitext/wikitext-2-raw-v1/test-00000-of-00001.parquet");
  private static final Path DOCUMENTS = Path.of("testdata/tasks/hub/c4/en/validation/0000.parquet");

  @TempDir static Path directory;

  private static Path withoutTokenizer;
  private static Path ids;

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
    withoutTokenizer = Files.createDirectory(directory.resolve("model"));
    try (Stream<Path> files = Files.list(TestData.TINY_LLAMA)) {
      for (Path file : files.filter(file -> !file.endsWith("tokenizer.json")).toList()) {
        Files.copy(file, withoutTokenizer.resolve(file.getFileName()));
      }
    }
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

  private void assertTaken(String command, Path model, Path file, Object... more) {
    run(command, model, file, more).succeeds();
  }

  @ParameterizedTest
  @FieldSource("OPTIONS")
  void tokenIdsAreTakenWithoutATokenizer(String command) {
    assertTaken(command, withoutTokenizer, ids);
  }

  @ParameterizedTest
  @FieldSource("OPTIONS")
  void aTextOfAnyFormIsTaken(String command) throws IOException {
    if (command.endsWith("--tokens")) {
      return;
    }
    Path raw = directory.resolve("heldout.raw");
    if (!Files.exists(raw)) {
      Files.copy(TEXT, raw);
    }
    boolean samples = command.endsWith("--calibration");
    Object[] few = samples ? new Object[] {"--samples", 2} : new Object[0];
    assertTaken(command, TestData.TINY_LLAMA, raw, few);
    String shorter = command.startsWith("prune --model {in} --method") ? null : "--sequence-length";
    if (shorter != null) {
      for (Path file : List.of(ROWS, DOCUMENTS)) {
        Object[] words =
            samples ? new Object[] {"--samples", 2, shorter, 8} : new Object[] {shorter, 8};
        assertTaken(command, TestData.TINY_LLAMA, file, words);
      }
    }
  }

  @Test
  void evaluatedIdsGiveTheirPerplexity() {
    double alone =
        run("perplexity --model {in} --tokens", withoutTokenizer, ids, "--json")
            .json()
            .get("perplexity")
            .asDouble();
    Ended pruned =
        run(
                "prune --model {in} --method magnitude --output {out}-pruned --evaluate",
                withoutTokenizer,
                ids,
                "--json")
            .succeeds();
    assertThat(pruned.json().get("perplexity").get("before").asDouble()).isEqualTo(alone);
  }
}
