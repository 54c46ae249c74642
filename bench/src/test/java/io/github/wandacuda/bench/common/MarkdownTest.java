package io.github.wandacuda.bench.common;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MarkdownTest {
  @ParameterizedTest
  @CsvSource({"1234.4, 1234", "99.96, 100.0", "12.34, 12.3", "1.234, 1.23", "0.0567, 0.0567"})
  void threeDigitsCount(double value, String text) {
    assertEquals(text, Markdown.number(value));
  }

  @Test
  void cellsCanNotBreakTheTable() {
    Markdown table = new Markdown("a", "b").row("x|y", "two\nlines");
    assertEquals("| a | b |\n| --- | --- |\n| x\\|y | two lines |\n", table.toString());
  }

  @Test
  void whatIsMissingSaysWhyAndLeavesTheRestEmpty() {
    Markdown table = new Markdown("a", "b", "c", "d").missing(List.of("x"), "no card");
    assertEquals("| x | not run: no card |  |  |", table.toString().lines().toList().get(2));
  }

  @Test
  void rowsHaveAllCells() {
    Markdown table = new Markdown("a", "b");
    assertThrows(IllegalArgumentException.class, () -> table.row("only one"));
  }

  @Test
  void aSpreadIsItsMedianWithItsEnds() {
    assertEquals(
        "2.00 (1.00 to 9.00)",
        Markdown.spread(Json.parse("{\"median\": 2, \"min\": 1, \"max\": 9}")));
    assertEquals("", Markdown.spread(Json.parse("{}").path("seconds")));
  }
}
