package io.github.wandacuda.text;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;

class TokenListsFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing(TokenListsFuzzTest.class);

  @AfterAll
  static void count() {
    FUZZING.finish();
  }

  @FuzzTest(maxDuration = "45s")
  void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.json", file -> TokenLists.read(file, Integer.MAX_VALUE));
  }
}
