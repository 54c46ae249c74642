package io.github.wandacuda.bench.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MarkedSectionTest {
  private static final String START = "<!-- x: start -->\n";
  private static final String END = "<!-- x: end -->\n";

  private final MarkedSection section = new MarkedSection("x");

  @Test
  void onlyTheSectionChanges() {
    String text = "before\n" + START + "old\n" + END + "after\n";
    String once = section.replace(text, "new\n");
    assertEquals("before\n" + START + "new\n" + END + "after\n", once);
    assertEquals(once, section.replace(once, "new\n"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", START, END, END + START})
  void bothMarksHaveToBeThere(String text) {
    assertThrows(IllegalArgumentException.class, () -> section.replace(text, "new\n"));
  }

  @Test
  void thePageOfBenchmarksHasOne() throws Exception {
    String page = Files.readString(Path.of("src/site/markdown/benchmarks.md"));
    assertEquals(page, new MarkedSection("speed").replace(page, between(page)));
  }

  private static String between(String page) {
    String start = "<!-- speed: start -->\n";
    return page.substring(
        page.indexOf(start) + start.length(), page.indexOf("<!-- speed: end -->"));
  }
}
