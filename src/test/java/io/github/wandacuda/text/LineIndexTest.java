package io.github.wandacuda.text;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.text.Documents.LineIndex;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class LineIndexTest {
  /**
   * A line that isn't blank: its number in the file and what is there, blank lines after it too.
   */
  private record Line(long number, String content) {}

  @Property
  void findsTheLinesThatAStringSplitFinds(
      @ForAll("contents") String content, @ForAll @IntRange(min = 1, max = 9) int piece) {
    byte[] bytes = content.getBytes(StandardCharsets.US_ASCII);
    LineIndex index = new LineIndex();
    for (int start = 0; start < bytes.length; start += piece) {
      byte[] part = Arrays.copyOfRange(bytes, start, Math.min(bytes.length, start + piece));
      index.append(Arrays.copyOf(part, piece), part.length);
    }
    List<Line> found =
        IntStream.range(0, index.count())
            .mapToObj(
                i ->
                    new Line(
                        index.number(i),
                        content.substring((int) index.start(i), (int) index.end(i))))
            .toList();
    assertThat(found).isEqualTo(expected(content));
  }

  @Example
  void growsWithTheFile() {
    int lines = 5000;
    LineIndex index = new LineIndex();
    byte[] bytes = "{}\n".repeat(lines).getBytes(StandardCharsets.US_ASCII);
    index.append(bytes, bytes.length);
    assertThat(index.count()).isEqualTo(lines);
    assertThat(index.start(lines - 1)).isEqualTo(3L * (lines - 1));
    assertThat(index.number(lines - 1)).isEqualTo(lines);
    assertThat(index.end(lines - 1)).isEqualTo(3L * lines);
  }

  @Provide
  Arbitrary<String> contents() {
    return Arbitraries.strings().withChars("ab{} \t\r\n\n\n").ofMaxLength(40);
  }

  private static List<Line> expected(String content) {
    List<Line> lines = new ArrayList<>();
    long number = 1;
    for (String part : content.splitWithDelimiters("\n", -1)) {
      if (!part.isBlank()) {
        lines.add(new Line(number, part));
      } else if (!lines.isEmpty()) {
        Line last = lines.removeLast();
        lines.add(new Line(last.number(), last.content() + part));
      }
      number += part.equals("\n") ? 1 : 0;
    }
    return lines;
  }
}
