package io.github.wandacuda.text;

import static io.github.wandacuda.text.TestFiles.assertRejects;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Thorough;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DocumentsTest {
  private static final String LINES =
      """
      {"text": "one", "url": "http://example.org", "n": [1, {"text": 2}]}

      {"timestamp": null, "text": "tw\\u00f6 \\ud83d\\ude00 日本\\n"}\r
       \t
      {"text": ""}\
      """;

  @TempDir private Path directory;

  @Test
  void givesTheTextOfEachLineThatIsNotBlank() throws IOException {
    Path file = Files.writeString(directory.resolve("a.jsonl"), LINES);
    assertThat(texts(file)).containsExactly("one", "twö 😀 日本\n", "");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a.json.gz", "a.jsonl.gz", "A.JSONL.GZ"})
  void inflatesACompressedFile(String name) throws IOException {
    Path file = TestFiles.gzip(directory.resolve(name), LINES.getBytes(StandardCharsets.UTF_8));
    assertThat(texts(file)).containsExactly("one", "twö 😀 日本\n", "");
  }

  @Test
  void inflatesAFileOfSeveralMembers() throws IOException {
    Path first = TestFiles.gzip(directory.resolve("1.gz"), "{\"text\": \"1\"}\n{\"te".getBytes());
    Path second = TestFiles.gzip(directory.resolve("2.gz"), "xt\": \"2\"}\n".getBytes());
    ByteArrayOutputStream both = new ByteArrayOutputStream();
    both.write(Files.readAllBytes(first));
    both.write(Files.readAllBytes(second));
    Path file = Files.write(directory.resolve("both.jsonl.gz"), both.toByteArray());
    assertThat(texts(file)).containsExactly("1", "2");
  }

  @Test
  @Thorough
  void holdsTextsLongerThanJacksonTakesByDefault() throws IOException {
    String text = "x".repeat(21_000_000);
    Path file = Files.writeString(directory.resolve("a.jsonl"), "{\"text\": \"" + text + "\"}");
    assertThat(texts(file)).containsExactly(text);
  }

  @Test
  @Thorough
  void readsBeyondTwoGibibytes() throws IOException {
    Path file = Files.writeString(directory.resolve("large.jsonl"), "{\"text\": \"first\"}\n");
    long far = (1L << 31) + (1L << 20);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap("\n{\"text\": \"last\"}\n".getBytes()), far);
    }
    try (Documents documents = Documents.open(file)) {
      assertThat(documents.count()).isEqualTo(3);
      assertThat(documents.text(0)).isEqualTo("first");
      assertThat(documents.text(2)).isEqualTo("last");
      assertRejects(() -> documents.text(1))
          .startsWith(file + ": line 2: expected at most 1000000000 bytes, found 21");
    }
  }

  @Test
  void countsNothingInAnEmptyFile() throws IOException {
    assertThat(texts(Files.writeString(directory.resolve("a.jsonl"), ""))).isEmpty();
    assertThat(texts(Files.writeString(directory.resolve("b.jsonl"), "\n \r\n\t"))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'text': 1}              | expected a string as \"text\", found 1",
        "{'text': null}           | expected a string as \"text\", found null",
        "{'text': ['a']}          | expected a string as \"text\", found a list",
        "{'txt': 'a', '\\u001b': 1} | expected an object with a string \"text\", found the keys"
            + " txt, \\u001b",
        "{'a': {'text': 'a'}}     | expected an object with a string \"text\", found the keys a;",
        "{}                       | expected an object with a string \"text\", found one without"
            + " keys",
        "{'text': 'a', 'text': 'b'} | not JSON: the key 'text' is there twice",
        "{'\\u001b': 1, '\\u001b': 2, 'text': 'a'} | not JSON: the key '\\u001b' is there twice",
        "['text']                 | expected a JSON object, found a list",
        "'text'                   | expected a JSON object, found a string",
        "{'text': 'a'} {}         | expected one JSON object, found more after it",
        "{'text': 'a'             | not JSON: Unexpected end-of-input: expected close marker",
        "{'text': 'a              | not JSON: Illegal unquoted character",
        "text                     | not JSON: Unrecognized token",
        "{'text': '\\ud800'}      | expected whole characters, found half a surrogate pair",
        "{'text': '\\q'}          | not JSON: Unrecognized character escape",
      })
  void namesTheLineThatIsBadWhenItIsAskedFor(String line, String problem) throws IOException {
    String bad = line.replace('\'', '"');
    Path file =
        Files.writeString(directory.resolve("a.jsonl"), "{\"text\": \"good\"}\n\n" + bad + "\n");
    try (Documents documents = Documents.open(file)) {
      assertThat(documents.count()).isEqualTo(2);
      assertThat(documents.text(0)).isEqualTo("good");
      assertRejects(() -> documents.text(1)).startsWith(file + ": line 3: " + problem);
    }
  }

  @Test
  void rejectsADocumentNestedWithoutEnd() throws IOException {
    Path file = Files.writeString(directory.resolve("a.jsonl"), "{\"a\": " + "[".repeat(1_000_000));
    try (Documents documents = Documents.open(file)) {
      assertRejects(() -> documents.text(0)).contains("line 1: not JSON: Document nesting depth");
    }
  }

  @Test
  void rejectsALineThatIsNotUtf8() throws IOException {
    Path file =
        Files.write(
            directory.resolve("a.jsonl"),
            "{}\n{\"text\": \"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1));
    try (Documents documents = Documents.open(file)) {
      assertRejects(() -> documents.text(1))
          .startsWith(file + ": line 2: expected UTF-8, found byte 0xe9 at byte 10");
    }
  }

  @Test
  void rejectsACompressedFileThatIsNotWhole() throws IOException {
    byte[] lines = LINES.getBytes(StandardCharsets.UTF_8);
    Path file = TestFiles.gzip(directory.resolve("a.jsonl.gz"), lines);
    byte[] whole = Files.readAllBytes(file);
    byte[] wrong = whole.clone();
    wrong[whole.length - 6] ^= 1;

    for (int length : IntStream.of(0, 5, whole.length / 2, whole.length - 1).toArray()) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertRejects(() -> Documents.open(file)).startsWith(file + ": not a whole gzip file");
    }
    Files.write(file, wrong);
    assertRejects(() -> Documents.open(file)).startsWith(file + ": not a whole gzip file");
    Files.write(file, lines);
    assertRejects(() -> Documents.open(file)).startsWith(file + ": not a whole gzip file");
  }

  @Test
  void leavesNoTemporaryFile() throws IOException {
    Path file =
        TestFiles.gzip(directory.resolve("a.jsonl.gz"), LINES.getBytes(StandardCharsets.UTF_8));
    Files.write(directory.resolve("b.jsonl.gz"), Arrays.copyOf(Files.readAllBytes(file), 60));
    try (Documents documents = Documents.open(file)) {
      assertThat(documents.count()).isEqualTo(3);
      assertThat(temporaryFiles()).isEmpty();
    }
    assertRejects(() -> Documents.open(directory.resolve("b.jsonl.gz"))).isNotEmpty();
    assertThat(temporaryFiles()).isEmpty();
  }

  @Test
  void saysThatTheTemporaryDirectoryCannotBeWritten() throws Exception {
    Path file =
        TestFiles.gzip(directory.resolve("a.jsonl.gz"), LINES.getBytes(StandardCharsets.UTF_8));
    Path nowhere = directory.resolve("nowhere");
    Command counting = Command.main("-Djava.io.tmpdir=" + nowhere, CountDocuments.class, file);
    assertThat(counting.run().said())
        .contains(
            "OutputException "
                + file
                + ": cannot be inflated into "
                + nowhere
                + ": no such file or folder;");
  }

  @Test
  void rejectsAFileThatBecameShorter() throws IOException {
    Path file = Files.writeString(directory.resolve("a.jsonl"), LINES);
    try (Documents documents = Documents.open(file)) {
      Files.writeString(file, "{}");
      assertRejects(() -> documents.text(2))
          .isEqualTo(file + ": cannot be read: the file became shorter");
    }
  }

  @Test
  void rejectsWhatIsNotThere() {
    for (String name : List.of("a.jsonl", "a.jsonl.gz")) {
      Path file = directory.resolve(name);
      assertRejects(() -> Documents.open(file))
          .isEqualTo(file + ": cannot be read: no such file or folder");
    }
    assertRejects(() -> Documents.open(directory))
        .endsWith(": expected a regular file, found a folder");
  }

  private static List<String> texts(Path file) {
    try (Documents documents = Documents.open(file)) {
      return IntStream.range(0, documents.count()).mapToObj(documents::text).toList();
    }
  }

  private static List<Path> temporaryFiles() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files
          .filter(path -> path.getFileName().toString().startsWith("wanda-cuda-documents"))
          .toList();
    }
  }

  /** A program that prints how many documents its argument holds, or why it can't say. */
  static final class CountDocuments {
    private CountDocuments() {}

    public static void main(String[] arguments) {
      try (Documents documents = Documents.open(Path.of(arguments[0]))) {
        System.out.println(documents.count());
      } catch (WandaException e) {
        System.out.println(e.getClass().getSimpleName() + " " + e.getMessage());
      }
    }
  }
}
