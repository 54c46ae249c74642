package io.github.wandacuda.text;

import static io.github.wandacuda.text.TestFiles.assertRejects;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenListsTest {
  @TempDir private Path directory;

  @Test
  void readsTheFirstLists() throws IOException {
    Path file = write("\ufeff [[1, 2147483647 ,0],\n[], [7], [8, 'x', {}]]\n");
    assertThat(TokenLists.read(file, 3))
        .containsExactly(new int[] {1, Integer.MAX_VALUE, 0}, new int[] {}, new int[] {7});
    assertThat(TokenLists.read(write("[]"), 3)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "``               | expected a list of lists of token ids, found the end",
        "{'a': [[1]]}     | expected a list of lists of token ids, found an object",
        "[1, 2]           | expected a list of token ids as element 1, found 1",
        "[[1], 'x']       | expected a list of token ids as element 2, found a string",
        "[[1], [1.0]]     | expected token ids from 0 to 2147483647 in list 2, found 1.0",
        "[[1], [-1]]      | expected token ids from 0 to 2147483647 in list 2, found -1",
        "[[2147483648]]   | expected token ids from 0 to 2147483647 in list 1, found 2147483648",
        "[[9999999999999999999999]] | expected token ids from 0 to 2147483647 in list 1",
        "[['5']]          | expected token ids from 0 to 2147483647 in list 1, found a string",
        "[[null]]         | expected token ids from 0 to 2147483647 in list 1, found null",
        "[[[1]]]          | expected token ids from 0 to 2147483647 in list 1, found a list",
        "[[1]] 2          | expected nothing after the list of lists, found 2",
        "[[1], [2]        | not JSON at line 1, column ",
        "[[1], [2         | not JSON at line 1, column ",
        "[[1], [2x]]      | not JSON at line 1, column ",
        "[[1] [2]]        | not JSON at line 1, column ",
        "[[01]]           | not JSON at line 1, column ",
      })
  void rejectsAnythingElse(String content, String problem) throws IOException {
    Path file = write(content);
    assertRejects(() -> TokenLists.read(file, 5)).startsWith(file + ": " + problem);
  }

  @Test
  void saysWhereTheTroubleIs() throws IOException {
    Path file = write("[[1, 2],\n [3, true]]");
    assertRejects(() -> TokenLists.read(file, 5)).contains("found true at line 2, column 6");
    Path cut = write("[[1, 2],\n [3, 4");
    assertRejects(() -> TokenLists.read(cut, 5))
        .isEqualTo(
            cut
                + ": not JSON at line 2, column 7: Unexpected end-of-input: expected close marker for Array");
  }

  @Test
  void readsTheRestAsJsonAllTheSame() throws IOException {
    Path file = write("[[1], [2], [3");
    assertRejects(() -> TokenLists.read(file, 1)).contains("not JSON at line 1");
    Path other = write("[[1], 2]");
    assertRejects(() -> TokenLists.read(other, 1)).contains("as element 2, found 2");
  }

  @Test
  void rejectsWhatCannotBeRead() throws IOException {
    Path none = directory.resolve("none.json");
    assertRejects(() -> TokenLists.read(none, 1))
        .isEqualTo(none + ": cannot be read: no such file or folder");
    assertRejects(() -> TokenLists.read(directory, 1))
        .endsWith(": expected a regular file, found a folder");
    Path latin = Files.write(none, "[[1], [\u00e9]]".getBytes(StandardCharsets.ISO_8859_1));
    assertRejects(() -> TokenLists.read(latin, 5)).contains("not JSON at line 1");
  }

  private Path write(String content) throws IOException {
    return Files.writeString(directory.resolve("a.json"), content.replace('\'', '"'));
  }
}
