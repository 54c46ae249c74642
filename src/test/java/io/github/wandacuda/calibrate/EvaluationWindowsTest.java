package io.github.wandacuda.calibrate;

import static io.github.wandacuda.tokenizer.TestFiles.HELDOUT_TEXT;
import static io.github.wandacuda.tokenizer.TestFiles.MODEL;
import static io.github.wandacuda.tokenizer.TestFiles.assertRejects;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.tokenizer.DjlTokenizer;
import io.github.wandacuda.tokenizer.TestFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluationWindowsTest {
  private static final int VOCABULARY = 2048;
  private static final int MAXIMUM = 512;
  private static final Path GOLDEN = TestFiles.GOLDEN.resolve("tiny-llama/evaluation.json");

  private static DjlTokenizer tokenizer;

  @TempDir private Path directory;

  @BeforeAll
  static void open() {
    tokenizer = DjlTokenizer.open(MODEL);
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  @Test
  void cutsATextIntoWindowsAndDropsTheTail() throws IOException {
    EvaluationWindows windows =
        EvaluationWindows.ofText(HELDOUT_TEXT, tokenizer, 512, MAXIMUM, VOCABULARY);
    int[] whole = tokenizer.encode(Files.readString(HELDOUT_TEXT));
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
    int tokens = tokenizer.encode("a a a").length;
    EvaluationWindows one = EvaluationWindows.ofText(file, tokenizer, tokens, MAXIMUM, VOCABULARY);
    assertThat(one.count()).isEqualTo(1);
    assertRejects(() -> EvaluationWindows.ofText(file, tokenizer, tokens + 1, MAXIMUM, VOCABULARY))
        .startsWith(
            "%s: expected a text of at least %d tokens, one window, found %d"
                .formatted(file, tokens + 1, tokens));
  }

  @Test
  void rejectsTextThatIsNotUtf8OrNotThere() throws IOException {
    Path file = Files.write(directory.resolve("a.txt"), new byte[] {'a', (byte) 0xff});
    assertRejects(() -> EvaluationWindows.ofText(file, tokenizer, 2, MAXIMUM, VOCABULARY))
        .startsWith(file + ": expected UTF-8, found byte 0xff at byte 1");
    Path none = directory.resolve("none.txt");
    assertRejects(() -> EvaluationWindows.ofText(none, tokenizer, 2, MAXIMUM, VOCABULARY))
        .isEqualTo(none + ": cannot be read: no such file or folder");
  }

  @Test
  void refusesWindowsInWhichNothingIsPredicted() {
    assertThatThrownBy(
            () -> EvaluationWindows.ofText(HELDOUT_TEXT, tokenizer, 1, MAXIMUM, VOCABULARY))
        .isInstanceOf(UsageException.class)
        .hasMessage("`sequence-length`: expected at least 2, found 1");
  }

  @Test
  void refusesWindowsBeyondTheModelsPositions() throws IOException {
    assertThatThrownBy(
            () -> EvaluationWindows.ofText(HELDOUT_TEXT, tokenizer, 513, MAXIMUM, VOCABULARY))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "`sequence-length`: expected at most 512, the positions that the model has, found 513");
    Path file = write("[[1, 2], [1, 2, 3, 4]]");
    assertRejects(() -> EvaluationWindows.ofTokens(file, 3, VOCABULARY))
        .isEqualTo(
            file
                + ": list 2: expected at most 3 token ids, the positions that the model has, found"
                + " 4");
    assertThat(EvaluationWindows.ofTokens(file, 4, VOCABULARY).count()).isEqualTo(2);
  }

  @Test
  void takesEachTokenListAsAWindow() throws IOException {
    EvaluationWindows golden = EvaluationWindows.ofTokens(GOLDEN, MAXIMUM, VOCABULARY);
    assertThat(golden.count()).isEqualTo(32);
    assertThat(golden.tokens()).isEqualTo(32 * 256);

    EvaluationWindows unequal =
        EvaluationWindows.ofTokens(write("[[1, 2, 3], [4, 5]]"), MAXIMUM, 6);
    assertThat(unequal.windows()).isDeepEqualTo(new int[][] {{1, 2, 3}, {4, 5}});
    assertThat(unequal.tokens()).isEqualTo(5);
    assertThat(unequal.longest()).isEqualTo(3);
  }

  @Test
  void rejectsTokenListsWithNothingToPredict() throws IOException {
    Path none = write("[]");
    assertRejects(() -> EvaluationWindows.ofTokens(none, MAXIMUM, VOCABULARY))
        .startsWith(none + ": expected lists of token ids, found none");
    Path single = write("[[1, 2], [3]]");
    assertRejects(() -> EvaluationWindows.ofTokens(single, MAXIMUM, VOCABULARY))
        .isEqualTo(single + ": list 2: expected at least 2 token ids, found 1");
  }

  @Test
  void rejectsIdsThatTheModelDoesNotKnow() throws IOException {
    Path file = write("[[1, 2], [3, 6]]");
    assertRejects(() -> EvaluationWindows.ofTokens(file, MAXIMUM, 6))
        .startsWith(file + ": token id 6 is outside the model's vocabulary of 6");
    assertRejects(() -> EvaluationWindows.ofText(HELDOUT_TEXT, tokenizer, 512, MAXIMUM, 1000))
        .startsWith(HELDOUT_TEXT + ": tokenized by " + tokenizer.source() + ": token id ");
  }

  private Path write(String content) throws IOException {
    return Files.writeString(directory.resolve("a.json"), content);
  }
}
