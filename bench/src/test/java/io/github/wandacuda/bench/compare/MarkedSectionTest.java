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
  void theReadmeHasOne() throws Exception {
    String readme = Files.readString(Path.of("README.md"));
    assertEquals(readme, new MarkedSection("speed").replace(readme, between(readme)));
  }

  private static String between(String readme) {
    String start = "<!-- speed: start -->\n";
    return readme.substring(
        readme.indexOf(start) + start.length(), readme.indexOf("<!-- speed: end -->"));
  }
}
