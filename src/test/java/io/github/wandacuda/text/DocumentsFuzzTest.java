package io.github.wandacuda.text;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import java.nio.file.Path;

public class DocumentsFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  @FuzzTest
  public void read(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.jsonl", DocumentsFuzzTest::read);
  }

  public static void read(Path file) {
    try (Documents documents = Documents.open(file)) {
      for (int document = 0; document < documents.count(); document++) {
        documents.text(document);
      }
    }
  }
}
