package io.github.wandacuda.calibration;

import static io.github.wandacuda.text.TestFiles.CALIBRATION_TEXT;
import static io.github.wandacuda.text.TestFiles.MODEL;
import static io.github.wandacuda.text.TestFiles.assertRejects;
import static io.github.wandacuda.text.TestFiles.noTokenizer;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.text.DjlTokenizer;
import io.github.wandacuda.text.TestFiles;
import io.github.wandacuda.text.TokenizerFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The digests are those of the same draws made by CPython's {@code random}. */
class CalibrationSamplerTest {
  private static final int VOCABULARY = 2048;
  private static final int MODEL_MAXIMUM = 512;
  private static final OptionalInt UNGIVEN = OptionalInt.empty();
  private static final Path GOLDEN = TestFiles.GOLDEN.resolve("tiny-llama/calibration.json");

  private static final Path TASKS = Path.of("testdata/tasks");

  @AutoClose
  private static final DjlTokenizer TOKENIZER = DjlTokenizer.open(TokenizerFile.in(MODEL));

  @TempDir private Path directory;

  @Test
  void drawsFromOneStream() {
    CalibrationSamples samples = sample(CALIBRATION_TEXT, of(16), of(256), 0);
    assertThat(samples.tokens().length).isEqualTo(16);
    assertThat(samples.tokens()[0]).hasSize(256);
    assertThat(Arrays.copyOf(samples.tokens()[0], 5)).containsExactly(709, 265, 278, 362, 535);
    assertThat(samples.sha256())
        .isEqualTo("835179b0ba444802febf98d753315ef10807f21079a4852f42fd1738c83a3181");
  }

  @Test
  void drawsBySeedWithTheDefaults() {
    CalibrationSamples samples = sample(CALIBRATION_TEXT, UNGIVEN, UNGIVEN, 5);
    assertThat(samples.tokens().length).isEqualTo(128);
    assertThat(samples.tokens()[0]).hasSize(MODEL_MAXIMUM);
    assertThat(samples.sha256())
        .isEqualTo("d12c22eceeeff48ad567047aa4e800332a952b7c4064bc0666cba74a81e14d21");
  }

  @Test
  void takesNoMoreThan2048TokensUnlessTold() {
    CalibrationRequest request =
        CalibrationRequest.of(CALIBRATION_TEXT, 131_072, VOCABULARY).withSamples(of(1));
    assertThat(CalibrationSampler.sample(request, () -> TOKENIZER).tokens()[0]).hasSize(2048);
  }

  @ParameterizedTest
  @CsvSource({
    "a.jsonl, 0, 88977d6341c0e3aa1a7a26ce2497171aee9bd8994bca379fe160567dc3fcc0ea",
    "a.jsonl, 7, 1378acc09ca81e73bfd0c587ce928e9f2a228c1c88d8d59c62f0adbbfe9ae22f",
    "a.json.gz, 7, 1378acc09ca81e73bfd0c587ce928e9f2a228c1c88d8d59c62f0adbbfe9ae22f",
  })
  void drawsFromDocuments(String name, long seed, String sha256) throws IOException {
    CalibrationSamples samples = sample(documents(name), of(20), of(128), seed);
    assertThat(samples.tokens().length).isEqualTo(20);
    assertThat(samples.tokens()[0]).hasSize(128);
    assertThat(samples.sha256()).isEqualTo(sha256);
  }

  /** WikiText's rows are one text, C4's are documents, whatever kind of file they come in. */
  @Test
  void drawsFromParquetAsFromText() throws IOException {
    Path wikitext = TASKS.resolve("hub/wikitext/wikitext-2-raw-v1/test-00000-of-00001.parquet");
    String joined =
        "\n\n = Harbour = \n\n\n\n\n The harbour of the small town stays open all year . \n\n\n"
            + " Ships come in winter too . \n\n\n";
    Path text = Files.writeString(directory.resolve("joined.raw"), joined);
    assertThat(sample(wikitext, of(3), of(8), 0).sha256())
        .isEqualTo(sample(text, of(3), of(8), 0).sha256());
    assertThat(sample(TASKS.resolve("hub/c4/en/validation/0000.parquet"), of(3), of(8), 0).sha256())
        .isEqualTo(sample(TASKS.resolve("lines/c4-validation.jsonl"), of(3), of(8), 0).sha256());
  }

  @Test
  void needsMoreThanOneSampleOfText() throws IOException {
    Path file = Files.writeString(directory.resolve("a.txt"), "a a a");
    int tokens = TOKENIZER.encode("a a a").length;
    int[] start = Arrays.copyOf(TOKENIZER.encode("a a a"), tokens - 1);
    assertThat(sample(file, of(2), of(tokens - 1), 0).tokens())
        .isDeepEqualTo(new int[][] {start, start});
    assertRejects(() -> sample(file, of(3), of(tokens), 0))
        .startsWith(
            "%s: expected a text of more than %d tokens, one sample, found %d"
                .formatted(file, tokens, tokens));
    Path empty = Files.writeString(directory.resolve("empty.txt"), "");
    assertRejects(() -> sample(empty, UNGIVEN, UNGIVEN, 0)).contains("found 1;");
  }

  @Test
  void rejectsDocumentsThatAreAllTooShort() throws IOException {
    Path file = documents("a.jsonl");
    assertRejects(() -> sample(file, of(1), of(300), 0))
        .startsWith(file + ": expected a document of more than 300 tokens, found 123 documents");
    Path none = Files.writeString(directory.resolve("none.jsonl"), "\n");
    assertRejects(() -> sample(none, of(1), of(3), 0))
        .isEqualTo(
            none
                + ": expected documents, found none; each line is an object such as {\"text\":"
                + " \"...\"}");
  }

  @Test
  void takesAllTokenLists() {
    CalibrationSamples samples = sampleTokens(GOLDEN, UNGIVEN, UNGIVEN);
    assertThat(samples.tokens().length).isEqualTo(64);
    assertThat(samples.tokens()[0]).hasSize(256);
    assertThat(samples.sha256())
        .isEqualTo("8b0418f332d39d4a122758b3b36f5671e15b3d7d057a3ee0a222e1036560ae09");
  }

  @Test
  void takesTheFirstTokenListsAndCutsThem() {
    CalibrationSamples samples = sampleTokens(GOLDEN, of(8), of(100));
    assertThat(samples.tokens().length).isEqualTo(8);
    assertThat(samples.tokens()[0]).hasSize(100);
    assertThat(samples.sha256())
        .isEqualTo("734fef8a1dc43151ba720a0e4f5492b6c9af1814c2b9713669b87d83f17061fc");
  }

  @Test
  void leavesListsShorterThanAskedForAsTheyAre() throws IOException {
    Path file = write("[[1, 2], [3, 4]]");
    assertThat(sampleTokens(file, UNGIVEN, of(100)).tokens())
        .isDeepEqualTo(new int[][] {{1, 2}, {3, 4}});
  }

  @Test
  void comparesTheLengthsOfCutListsThatAreUsed() throws IOException {
    Path file = write("[[1, 2, 3], [4, 5], [6]]");
    assertThat(sampleTokens(file, of(2), of(2)).tokens())
        .isDeepEqualTo(new int[][] {{1, 2}, {4, 5}});
    assertRejects(() -> sampleTokens(file, of(2), UNGIVEN))
        .startsWith(
            file + ": expected lists of one length, found 3 token ids in list 1 and 2 in list 2");
    assertRejects(() -> sampleTokens(file, UNGIVEN, of(2))).contains("and 1 in list 3;");
  }

  @Test
  void rejectsFewerListsThanAskedFor() throws IOException {
    Path file = write("[[1], [2]]");
    assertRejects(() -> sampleTokens(file, of(3), UNGIVEN))
        .startsWith(file + ": expected 3 lists of token ids, found 2");
    Path none = write("[]");
    assertRejects(() -> sampleTokens(none, UNGIVEN, UNGIVEN)).contains("found 0;");
  }

  @Test
  void rejectsEmptyLists() throws IOException {
    Path file = write("[[], []]");
    assertRejects(() -> sampleTokens(file, UNGIVEN, UNGIVEN))
        .isEqualTo(file + ": list 1: expected token ids, found none");
    Path second = write("[[1], []]");
    assertRejects(() -> sampleTokens(second, UNGIVEN, UNGIVEN))
        .contains("list 2: expected token ids, found none");
  }

  @Test
  void rejectsIdsThatTheModelDoesNotKnow() throws IOException {
    Path file = write("[[1, 2048]]");
    assertRejects(() -> sampleTokens(file, UNGIVEN, UNGIVEN))
        .startsWith(file + ": token id 2048 is outside the model's vocabulary of 2048");
    assertThat(sampleTokens(write("[[1, 2047]]"), UNGIVEN, UNGIVEN).tokens().length).isEqualTo(1);

    CalibrationRequest small =
        CalibrationRequest.of(CALIBRATION_TEXT, MODEL_MAXIMUM, 1000)
            .withSamples(of(1))
            .withSequenceLength(of(8));
    assertRejects(() -> CalibrationSampler.sample(small, () -> TOKENIZER))
        .contains(CALIBRATION_TEXT + ": tokenized by " + TOKENIZER.source() + ": token id ")
        .contains(" is outside the model's vocabulary of 1000;");
    CalibrationRequest smallDocuments =
        CalibrationRequest.of(documents("a.jsonl"), MODEL_MAXIMUM, 1000)
            .withSamples(of(9))
            .withSequenceLength(of(128));
    assertRejects(() -> CalibrationSampler.sample(smallDocuments, () -> TOKENIZER))
        .contains(" is outside the model's vocabulary of 1000;");
  }

  @Test
  void looksAtTheEndingBeforeAnythingElse() {
    assertThatThrownBy(() -> sampleTokens(Path.of("none.pdf"), UNGIVEN, UNGIVEN))
        .isInstanceOf(UsageException.class);
    assertRejects(() -> sampleTokens(Path.of("none.txt"), UNGIVEN, UNGIVEN))
        .isEqualTo("none.txt: cannot be read: no such file or folder");
  }

  /** As from one text: Python's randint over all places where a sample fits. */
  @Test
  void joinedDocumentsAreOneStream() throws IOException {
    List<String> texts = List.of("Once upon", "", "a time there was", "a", "very short document");
    ObjectMapper json = new ObjectMapper();
    Path file =
        Files.write(
            directory.resolve("short.jsonl"),
            texts.stream().map(text -> json.valueToTree(Map.of("text", text)).toString()).toList());
    int end = 2;
    List<Integer> stream = new ArrayList<>();
    for (String text : texts) {
      int[] tokens = TOKENIZER.encode(text);
      if (!stream.isEmpty()) {
        stream.add(end);
      }
      Arrays.stream(tokens).forEach(stream::add);
    }
    int length = 8;
    PythonRandom random = new PythonRandom(7);
    List<List<Integer>> expected = new ArrayList<>();
    for (int sample = 0; sample < 20; sample++) {
      int start = random.randInt(stream.size() - length - 1);
      expected.add(stream.subList(start, start + length));
    }
    CalibrationSamples drawn = join(file, 20, length, 7);
    assertThat(drawn.joined()).isTrue();
    assertThat(Arrays.stream(drawn.tokens()).map(ids -> Arrays.stream(ids).boxed().toList()))
        .isEqualTo(expected);
    assertRejects(() -> sample(file, of(1), of(length), 0))
        .endsWith(
            "`join` joins them, or take a smaller `sequence-length`, or a text with longer"
                + " documents");
    assertRejects(() -> join(file, 1, 500, 7)).contains("a text of more than 500 tokens");
  }

  @Test
  void rejectsToJoinWhatHasNoDocuments() {
    for (Path file : List.of(CALIBRATION_TEXT, GOLDEN)) {
      assertThatThrownBy(() -> join(file, 1, 8, 0))
          .isInstanceOf(UsageException.class)
          .hasMessageContaining("`join`: expected documents");
    }
  }

  private static CalibrationSamples join(Path file, int samples, int length, long seed) {
    return CalibrationSampler.sample(
        request(file, of(samples), of(length)).withSeed(seed).joinedBy(any -> 2), () -> TOKENIZER);
  }

  @Test
  void rejectsNumbersBelowOne() {
    assertThatThrownBy(() -> sampleTokens(GOLDEN, of(0), UNGIVEN))
        .isInstanceOf(UsageException.class)
        .hasMessage("`samples`: expected at least 1, found 0");
    assertThatThrownBy(() -> sampleTokens(GOLDEN, UNGIVEN, of(-4)))
        .isInstanceOf(UsageException.class)
        .hasMessage("`sequence-length`: expected at least 1, found -4");
  }

  private static OptionalInt of(int value) {
    return OptionalInt.of(value);
  }

  private static CalibrationSamples sample(
      Path file, OptionalInt samples, OptionalInt length, long seed) {
    return CalibrationSampler.sample(
        request(file, samples, length).withSeed(seed), () -> TOKENIZER);
  }

  private static CalibrationSamples sampleTokens(
      Path file, OptionalInt samples, OptionalInt length) {
    return CalibrationSampler.sample(request(file, samples, length), noTokenizer());
  }

  private static CalibrationRequest request(Path file, OptionalInt samples, OptionalInt length) {
    return CalibrationRequest.of(file, MODEL_MAXIMUM, VOCABULARY)
        .withSamples(samples)
        .withSequenceLength(length);
  }

  /** Makes a document of each paragraph of the calibration text. */
  private Path documents(String name) throws IOException {
    ObjectMapper json = new ObjectMapper();
    String lines =
        Arrays.stream(Files.readString(CALIBRATION_TEXT).split("\n\n"))
            .filter(paragraph -> !paragraph.isBlank())
            .map(paragraph -> json.valueToTree(Map.of("text", paragraph)).toString())
            .collect(Collectors.joining("\n"));
    Path file = directory.resolve(name);
    return name.endsWith(".gz")
        ? TestFiles.gzip(file, lines.getBytes(StandardCharsets.UTF_8))
        : Files.writeString(file, lines);
  }

  private Path write(String content) throws IOException {
    return Files.writeString(directory.resolve("a.json"), content);
  }

  @Test
  void describesWhatItHolds() {
    CalibrationSamples samples =
        new CalibrationSamples(new int[][] {{1, 2, 0x01020304}, {3, 0, 65_536}}, false);
    assertThat(samples.tokens().length).isEqualTo(2);
    assertThat(samples.tokens()[0]).hasSize(3);
    assertThat(samples.tokens()).isDeepEqualTo(new int[][] {{1, 2, 0x01020304}, {3, 0, 65_536}});
    // sha256 of 01000000 02000000 04030201 03000000 00000000 00000100
    assertThat(samples.sha256())
        .isEqualTo("e55c2282cb5fdacb0f7188041cc3f2fda7579c24ea9bfc3a26b4596b5f5ae5de");
  }

  @Test
  void refusesNoSamplesAndUnequalOnes() {
    for (int[][] bad : List.of(new int[0][], new int[][] {{}}, new int[][] {{1}, {1, 2}})) {
      assertThatThrownBy(() -> new CalibrationSamples(bad, false))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
