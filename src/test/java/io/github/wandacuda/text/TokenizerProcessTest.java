package io.github.wandacuda.text;

import static io.github.wandacuda.text.TestFiles.MODEL;
import static io.github.wandacuda.text.TestFiles.assertRejects;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.testing.Signals;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerProcessTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path directory;

  private static List<Long> children() {
    return ProcessHandle.current().children().map(ProcessHandle::pid).toList();
  }

  @Test
  void givesTheTokensThatTheLibraryGives() {
    List<Long> before = children();
    try (TokenizerProcess tokenizer = TokenizerProcess.open(MODEL);
        DjlTokenizer library = DjlTokenizer.open(MODEL)) {
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

  @Test
  void failsWhenClosed() {
    TokenizerProcess closed = TokenizerProcess.open(MODEL);
    closed.close();
    closed.close();
    assertThatThrownBy(() -> closed.encode("a")).isInstanceOf(IllegalStateException.class);
  }

  /** As Ctrl-C does, which may reach the tokenizer first. */
  @ParameterizedTest
  @ValueSource(strings = {"INT", "TERM"})
  void isCancelledWhenItIsToldToEnd(String signal) throws Exception {
    List<Long> before = children();
    try (TokenizerProcess tokenizer = Signals.unignored(() -> TokenizerProcess.open(MODEL))) {
      long pid = children().stream().filter(each -> !before.contains(each)).findAny().orElseThrow();
      assertThat(Signals.send(signal, pid)).isTrue();
      Optional<ProcessHandle> ending = ProcessHandle.of(pid);
      if (ending.isPresent()) {
        ending.get().onExit().get(1, TimeUnit.MINUTES);
      }
      assertThatThrownBy(() -> tokenizer.encode("a")).isInstanceOf(CancelledException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{}", "[1,2", "{\"model\": {\"type\": \"None\"}}"})
  void rejectsWhatIsNoTokenizer(String content) throws IOException {
    Files.writeString(directory.resolve("tokenizer.json"), content);
    List<Long> before = children();
    assertRejects(() -> TokenizerProcess.open(directory))
        .startsWith(directory.resolve("tokenizer.json").toString());
    assertThat(children()).isEqualTo(before);
  }

  @Test
  void namesAMissingFile() {
    assertRejects(() -> TokenizerProcess.open(directory)).contains("no such file");
  }

  /** The library reads the normalizer's table without a look at its length, and panics. */
  @Test
  void survivesWhatEndsTheLibrarysProcess() throws IOException {
    ObjectNode json = (ObjectNode) JSON.readTree(MODEL.resolve("tokenizer.json").toFile());
    ByteBuffer table = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    table.putInt(8).putInt(0x7fff_feff).putInt(0x7fff_fc00).putInt(0);
    json.putObject("normalizer")
        .put("type", "Precompiled")
        .put("precompiled_charsmap", Base64.getEncoder().encodeToString(table.array()));
    JSON.writeValue(directory.resolve("tokenizer.json").toFile(), json);
    List<Long> before = children();
    try (TokenizerProcess tokenizer = TokenizerProcess.open(directory)) {
      assertRejects(() -> tokenizer.encode("any text"))
          .startsWith(directory.resolve("tokenizer.json") + ": the tokenizer library broke down")
          .contains("index out of bounds");
      assertRejects(() -> tokenizer.encode("more")).contains("index out of bounds");
    }
    assertThat(children()).isEqualTo(before);
  }

  @Test
  void saysWhatTheLibrarySaysAboutAText() throws IOException {
    ObjectNode json = (ObjectNode) JSON.readTree(MODEL.resolve("tokenizer.json").toFile());
    json.putNull("normalizer").putNull("post_processor").putArray("added_tokens");
    json.putObject("model")
        .put("type", "WordLevel")
        .put("unk_token", "[UNK]")
        .putObject("vocab")
        .put("a", 0);
    JSON.writeValue(directory.resolve("tokenizer.json").toFile(), json);
    try (TokenizerProcess tokenizer = TokenizerProcess.open(directory)) {
      assertThat(tokenizer.encode("a")).containsExactly(0);
      assertRejects(() -> tokenizer.encode("b")).contains("cannot encode the text: ");
      assertThat(tokenizer.encode("a")).as("it goes on").containsExactly(0);
    }
  }
}
