package io.github.wandacuda.text;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Fuzzing;
import java.io.IOException;
import java.nio.file.Path;

class TextFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();

  @FuzzTest
  void text(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.txt", Utf8::read);
  }

  @FuzzTest
  void documents(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.jsonl", TextFuzzTest::readDocuments);
  }

  @FuzzTest
  void gzip(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.jsonl.gz", TextFuzzTest::readDocuments);
  }

  private static void readDocuments(Path file) {
    try (Documents documents = Documents.open(file)) {
      for (int document = 0; document < documents.count(); document++) {
        documents.text(document);
      }
    }
  }

  @FuzzTest
  void parquet(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.parquet", file -> ParquetRows.read(file, Long.MAX_VALUE));
  }

  @FuzzTest
  void tokenLists(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "x.json", file -> TokenLists.read(file, Integer.MAX_VALUE));
  }

  @FuzzTest
  void tokenizer(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "tokenizer.json", file -> tokenize(file.getParent()));
  }

  /** The library may end its process; ours has to go on. */
  private static void tokenize(Path model) {
    try (TokenizerProcess tokenizer = TokenizerProcess.open(TokenizerFile.in(model))) {
      tokenizer.encode("Naïve text, 日本😀\u0000 and  more");
    }
  }
}
