package io.github.wandacuda.text;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import java.nio.file.Path;

class TokenizerFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  @FuzzTest
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "tokenizer.json", file -> tokenize(file.getParent()));
  }

  /** The library may end its process; ours has to go on. */
  private static void tokenize(Path model) {
    try (TokenizerProcess tokenizer = TokenizerProcess.open(model)) {
      tokenizer.encode("Naïve text, 日本😀\u0000 and  more");
    }
  }
}
