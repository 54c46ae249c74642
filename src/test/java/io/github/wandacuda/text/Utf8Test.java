package io.github.wandacuda.text;

import static io.github.wandacuda.text.TestFiles.assertRejects;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.error.ErrorDetails;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class Utf8Test {
  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"", "plain", "naïve 東京 🚀\0\r\n", "\ufeffmarked"})
  void readsAFileAsItIs(String text) throws IOException {
    Path file = Files.writeString(directory.resolve("a.txt"), text);
    assertThat(Utf8.read(file)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "61ff62, 0xff, 1", // never a byte of UTF-8
    "c0af, 0xc0, 0", // a slash, longer than it may be
    "6162eda080, 0xed, 2", // half a surrogate pair
    "61f09f98, 0xf0, 1", // cut short
    "61e9, 0xe9, 1", // Latin-1
  })
  void namesTheFirstBadByte(String hex, String found, int position) {
    assertRejects(() -> Utf8.decode(HexFormat.of().parseHex(hex), ErrorDetails.of("FILE")))
        .startsWith("FILE: expected UTF-8, found byte %s at byte %d".formatted(found, position));
  }

  @Test
  void rejectsWhatCannotBeRead() {
    assertRejects(() -> Utf8.read(directory.resolve("none.txt")))
        .endsWith("none.txt: cannot be read: no such file or folder");
    assertRejects(() -> Utf8.read(directory)).endsWith(": expected a regular file, found a folder");
  }

  @Test
  void rejectsATextTooLargeForOneString() throws IOException {
    Path file = directory.resolve("large.txt");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(1_000_000_001);
    }
    assertRejects(() -> Utf8.read(file)).endsWith("at most 1000000000 bytes, found 1000000001");
  }

  @Test
  void findsHalvesOfSurrogatePairs() {
    assertThat(Utf8.hasLoneSurrogate("")).isFalse();
    assertThat(Utf8.hasLoneSurrogate("a😀😀b")).isFalse();
    assertThat(Utf8.hasLoneSurrogate("a\ud83d")).isTrue();
    assertThat(Utf8.hasLoneSurrogate("\ude00a")).isTrue();
    assertThat(Utf8.hasLoneSurrogate("\ude00\ud83d")).isTrue();
    assertThat(Utf8.hasLoneSurrogate("\ud83d\ud83d\ude00")).isTrue();
  }
}
