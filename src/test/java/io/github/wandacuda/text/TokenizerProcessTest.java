package io.github.wandacuda.text;

import static io.github.wandacuda.text.TestFiles.MODEL;
import static io.github.wandacuda.text.TestFiles.assertRejects;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Signals;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Alone, since it looks at all processes that this one has started. */
@Isolated
class TokenizerProcessTest {
  @TempDir private Path directory;

  private static List<Long> children() {
    return ProcessHandle.current().children().map(ProcessHandle::pid).toList();
  }

  @Test
  void givesTheTokensThatTheLibraryGives() {
    List<Long> before = children();
    try (TokenizerProcess tokenizer = TokenizerProcess.open(TokenizerFile.in(MODEL));
        DjlTokenizer library = DjlTokenizer.open(TokenizerFile.in(MODEL))) {
      for (String text :
          List.of(
              "", "The Nile is a great river.", "日本😀\0", "a\r\n b", "river ".repeat(100_000))) {
        assertThat(tokenizer.encode(text)).isEqualTo(library.encode(text));
      }
      assertThat(tokenizer.source()).isEqualTo(library.source());
      assertThatThrownBy(() -> tokenizer.encode("a\ud800b"))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(children()).as("no process is left").isEqualTo(before);
  }

  /** As Ctrl-C does, which may reach the tokenizer first. */
  @ParameterizedTest
  @ValueSource(strings = {"INT", "TERM"})
  @Thorough
  void isCancelledWhenItIsToldToEnd(String signal) throws Exception {
    List<Long> before = children();
    try (TokenizerProcess tokenizer =
        Signals.unignored(() -> TokenizerProcess.open(TokenizerFile.in(MODEL)))) {
      long pid = children().stream().filter(each -> !before.contains(each)).findAny().orElseThrow();
      assertThat(Signals.send(signal, pid)).isTrue();
      Optional<ProcessHandle> ending = ProcessHandle.of(pid);
      if (ending.isPresent()) {
        ending.get().onExit().get(1, TimeUnit.MINUTES);
      }
      assertThatThrownBy(() -> tokenizer.encode("a")).isInstanceOf(CancelledException.class);
    }
  }

  /** The library reads the normalizer's table without a look at its length, and panics. */
  @Test
  void survivesWhatEndsTheLibrarysProcess() throws IOException {
    ByteBuffer table = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    table.putInt(8).putInt(0x7fff_feff).putInt(0x7fff_fc00).putInt(0);
    DjlTokenizerTest.write(
        directory,
        json ->
            json.putObject("normalizer")
                .put("type", "Precompiled")
                .put("precompiled_charsmap", Base64.getEncoder().encodeToString(table.array())));
    List<Long> before = children();
    try (TokenizerProcess tokenizer = TokenizerProcess.open(TokenizerFile.in(directory))) {
      assertRejects(() -> tokenizer.encode("any text"))
          .startsWith(directory.resolve("tokenizer.json") + ": the tokenizer library broke down")
          .contains("index out of bounds");
      assertRejects(() -> tokenizer.encode("more")).contains("index out of bounds");
    }
    assertThat(children()).isEqualTo(before);
  }

  private static Tokenizer open(Path model, boolean apart) {
    return apart
        ? TokenizerProcess.open(TokenizerFile.in(model))
        : DjlTokenizer.open(TokenizerFile.in(model));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void failsWhenClosed(boolean apart) {
    Tokenizer closed = open(MODEL, apart);
    closed.close();
    closed.close();
    assertThatThrownBy(() -> closed.encode("a")).isInstanceOf(IllegalStateException.class);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @Thorough
  void rejectsWhatIsNoTokenizer(boolean apart) throws IOException {
    List<Long> before = children();
    Path file = directory.resolve("tokenizer.json");
    assertRejects(() -> open(directory, apart))
        .startsWith(file + ": cannot be read: no such file or folder");
    for (String content :
        List.of("", "{}", "[]", "null", "[1,2", "{\"model\": {\"type\": \"None\"}}")) {
      Files.writeString(file, content);
      assertRejects(() -> open(directory, apart)).as(content).startsWith(file.toString());
    }
    assertThat(children()).as("no process is left").isEqualTo(before);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @FirstCases(1)
  void reportsATextThatItCannotEncode(boolean apart) throws IOException {
    DjlTokenizerTest.write(
        directory,
        json -> {
          json.putNull("normalizer").putNull("post_processor").putArray("added_tokens");
          json.putObject("model")
              .put("type", "WordLevel")
              .put("unk_token", "[UNK]")
              .putObject("vocab")
              .put("a", 0);
        });
    try (Tokenizer other = open(directory, apart)) {
      assertThat(other.encode("a")).containsExactly(0);
      assertRejects(() -> other.encode("b")).contains("tokenizer.json: cannot encode the text: ");
      assertThat(other.encode("a")).as("it goes on").containsExactly(0);
    }
  }
}
