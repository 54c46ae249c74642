package io.github.wandacuda.calibration;

import static io.github.wandacuda.text.TestFiles.HELDOUT_TEXT;
import static io.github.wandacuda.text.TestFiles.MODEL;
import static io.github.wandacuda.text.TestFiles.assertRejects;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.text.DjlTokenizer;
import io.github.wandacuda.text.TestFiles;
import io.github.wandacuda.text.TokenizerFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluationWindowsTest {
  private static final int VOCABULARY = 2048;
  private static final Path GOLDEN = TestFiles.GOLDEN.resolve("tiny-llama/evaluation.json");

  @AutoClose
  private static final DjlTokenizer TOKENIZER = DjlTokenizer.open(TokenizerFile.in(MODEL));

  @TempDir private Path directory;

  @Test
  void cutsATextIntoWindowsAndDropsTheTail() throws IOException {
    EvaluationWindows windows = EvaluationWindows.ofText(HELDOUT_TEXT, TOKENIZER, 512, VOCABULARY);
    int[] whole = TOKENIZER.encode(Files.readString(HELDOUT_TEXT));
    assertThat(whole).hasSize(8085);
    assertThat(windows.count()).isEqualTo(15);
    assertThat(windows.tokens()).isEqualTo(15 * 512);
    assertThat(windows.longest()).isEqualTo(512);
    int[] joined = Arrays.stream(windows.windows()).flatMapToInt(Arrays::stream).toArray();
    assertThat(joined).containsExactly(Arrays.copyOf(whole, 15 * 512));
  }

  @Test
  void takesATextOfExactlyOneWindow() throws IOException {
    Path file = Files.writeString(directory.resolve("a.txt"), "a a a");
    int tokens = TOKENIZER.encode("a a a").length;
    EvaluationWindows one = EvaluationWindows.ofText(file, TOKENIZER, tokens, VOCABULARY);
    assertThat(one.count()).isEqualTo(1);
    assertRejects(() -> EvaluationWindows.ofText(file, TOKENIZER, tokens + 1, VOCABULARY))
        .startsWith(
            "%s: expected a text of at least %d tokens, one window, found %d"
                .formatted(file, tokens + 1, tokens));
  }

  @Test
  void rejectsTextThatIsNotUtf8OrNotThere() throws IOException {
    Path file = Files.write(directory.resolve("a.txt"), new byte[] {'a', (byte) 0xff});
    assertRejects(() -> EvaluationWindows.ofText(file, TOKENIZER, 2, VOCABULARY))
        .startsWith(file + ": expected UTF-8, found byte 0xff at byte 1");
    Path none = directory.resolve("none.txt");
    assertRejects(() -> EvaluationWindows.ofText(none, TOKENIZER, 2, VOCABULARY))
        .isEqualTo(none + ": cannot be read: no such file or folder");
  }

  @Test
  void refusesWindowsInWhichNothingIsPredicted() {
    assertThatThrownBy(() -> EvaluationWindows.ofText(HELDOUT_TEXT, TOKENIZER, 1, VOCABULARY))
        .isInstanceOf(UsageException.class)
        .hasMessage("`sequence-length`: expected at least 2, found 1");
  }

  /** The command warns of them: what a model does there is worth a look. */
  @Test
  void takesWindowsBeyondTheModelsPositions() throws IOException {
    EvaluationWindows windows = EvaluationWindows.ofText(HELDOUT_TEXT, TOKENIZER, 513, VOCABULARY);
    assertThat(windows.longest()).isEqualTo(513);
    assertThat(EvaluationWindows.ofTokens(write("[[1, 2], [1, 2, 3, 4]]"), VOCABULARY).longest())
        .isEqualTo(4);
  }

  private static final Path HUB = Path.of("testdata/tasks/hub");

  /** Wanda joins WikiText's rows by blank lines, of which each row brings a line end of its own. */
  @Test
  void joinsTheRowsOfWikiText() {
    Path file = HUB.resolve("wikitext/wikitext-2-raw-v1/test-00000-of-00001.parquet");
    String text =
        "\n\n = Harbour = \n\n\n\n\n The harbour of the small town stays open all year . \n\n\n"
            + " Ships come in winter too . \n\n\n";
    assertThat(windows(file)).isEqualTo(windowsOf(text));
  }

  /** C4's documents are joined by spaces. */
  @Test
  void joinsTheDocumentsOfC4() {
    String text =
        "Document 0 is about ships.\nThey sail on sea 0. Document 1 is about ships.\nThey sail on"
            + " sea 1. Document 2 is about ships.\nThey sail on sea 2.";
    assertThat(windows(HUB.resolve("c4/en/validation/0000.parquet"))).isEqualTo(windowsOf(text));
    assertThat(windows(Path.of("testdata/tasks/lines/c4-validation.jsonl")))
        .isEqualTo(windowsOf(text));
  }

  @Test
  void takesTheFirstDocumentsAndWindowsOfC4() throws IOException {
    String line = "{\"text\": \"a b c d e f g h\"}\n";
    Path file = Files.writeString(directory.resolve("many.jsonl"), line.repeat(1200));
    EvaluationWindows windows = EvaluationWindows.ofText(file, TOKENIZER, 8, VOCABULARY);
    assertThat(windows.count()).isEqualTo(256);
    int all =
        TOKENIZER.encode(String.join(" ", Collections.nCopies(1100, "a b c d e f g h"))).length;
    int length = all / 3;
    assertThat(EvaluationWindows.ofText(file, TOKENIZER, length, VOCABULARY).count()).isEqualTo(3);
    assertRejects(() -> EvaluationWindows.ofText(file, TOKENIZER, all + 1, VOCABULARY))
        .contains("found " + all);
  }

  @Test
  void namesTheColumnsOfAFileWithoutText() {
    Path file = HUB.resolve("piqa/plain_text/validation/0000.parquet");
    assertRejects(() -> EvaluationWindows.ofText(file, TOKENIZER, 2, VOCABULARY))
        .startsWith(
            file
                + ": row 1: expected a string in the column text, found the columns goal, sol1,"
                + " sol2, label");
  }

  private static List<List<Integer>> windows(Path file) {
    return Arrays.stream(EvaluationWindows.ofText(file, TOKENIZER, 8, VOCABULARY).windows())
        .map(window -> Arrays.stream(window).boxed().toList())
        .toList();
  }

  private static List<List<Integer>> windowsOf(String text) {
    List<Integer> tokens = Arrays.stream(TOKENIZER.encode(text)).boxed().toList();
    return IntStream.range(0, tokens.size() / 8)
        .mapToObj(window -> tokens.subList(8 * window, 8 * window + 8))
        .toList();
  }

  @Test
  void takesEachTokenListAsAWindow() throws IOException {
    EvaluationWindows golden = EvaluationWindows.ofTokens(GOLDEN, VOCABULARY);
    assertThat(golden.count()).isEqualTo(32);
    assertThat(golden.tokens()).isEqualTo(32 * 256);

    EvaluationWindows unequal = EvaluationWindows.ofTokens(write("[[1, 2, 3], [4, 5]]"), 6);
    assertThat(unequal.windows()).isDeepEqualTo(new int[][] {{1, 2, 3}, {4, 5}});
    assertThat(unequal.tokens()).isEqualTo(5);
    assertThat(unequal.longest()).isEqualTo(3);
  }

  @Test
  void rejectsTokenListsWithNothingToPredict() throws IOException {
    Path none = write("[]");
    assertRejects(() -> EvaluationWindows.ofTokens(none, VOCABULARY))
        .startsWith(none + ": expected lists of token ids, found none");
    Path single = write("[[1, 2], [3]]");
    assertRejects(() -> EvaluationWindows.ofTokens(single, VOCABULARY))
        .isEqualTo(single + ": list 2: expected at least 2 token ids, found 1");
  }

  @Test
  void rejectsIdsThatTheModelDoesNotKnow() throws IOException {
    Path file = write("[[1, 2], [3, 6]]");
    assertRejects(() -> EvaluationWindows.ofTokens(file, 6))
        .startsWith(file + ": token id 6 is outside the model's vocabulary of 6");
    assertRejects(() -> EvaluationWindows.ofText(HELDOUT_TEXT, TOKENIZER, 512, 1000))
        .startsWith(HELDOUT_TEXT + ": tokenized by " + TOKENIZER.source() + ": token id ");
  }

  private Path write(String content) throws IOException {
    return Files.writeString(directory.resolve("a.json"), content);
  }
}
