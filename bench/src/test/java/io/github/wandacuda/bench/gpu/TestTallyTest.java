package io.github.wandacuda.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.Map;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

class TestTallyTest {
  /** Run by these tests alone. */
  @Tag("tallied")
  static class Mixed {
    @Test
    void passes() {}

    @Test
    void fails() {
      fail("wrong bits\nand more");
    }

    @Test
    void isSkipped() {
      Assumptions.abort("no card");
    }

    @Test
    @Disabled("for later")
    void isDisabled() {}

    @Test
    void isAboutOthers() {
      fail("not ours");
    }
  }

  /** Run by these tests alone. */
  @Tag("tallied")
  static class Passing {
    @Test
    void passes() {}
  }

  /** Run by these tests alone. */
  @Tag("tallied")
  static class Broken {
    @BeforeAll
    static void prepare() {
      throw new IllegalStateException("no memory");
    }

    @Test
    void isNeverRun() {}
  }

  private static Map<String, Object> row(Class<?> tests) {
    return row(tests, (name, tally) -> {});
  }

  private static Map<String, Object> row(Class<?> tests, BiConsumer<String, TestTally> starting) {
    TestTally tally =
        new TestTally(tests.getName(), name -> !name.contains("isAboutOthers"), starting);
    LauncherFactory.create()
        .execute(
            LauncherDiscoveryRequestBuilder.request()
                .selectors(DiscoverySelectors.selectClass(tests))
                .filters(TagFilter.includeTags("tallied"))
                .build(),
            tally);
    return tally.row();
  }

  @Test
  void eachEndIsCounted() {
    Map<String, Object> row = row(Mixed.class);
    assertEquals("TestTallyTest$Mixed", row.get("test"));
    assertEquals(1, row.get("passed"));
    assertEquals(1, row.get("failed"));
    assertEquals(2, row.get("skipped"));
    assertTrue(row.get("reason").toString().endsWith("fails(): wrong bits"));
  }

  @Test
  void aTestThatHangsIsAFailureWithItsName() {
    Map<String, Object> row =
        row(
            Passing.class,
            (name, tally) -> {
              assertTrue(name.endsWith("passes()"));
              tally.hangs("no end");
            });
    assertEquals(1, row.get("failed"));
    assertTrue(row.get("reason").toString().endsWith("passes(): no end"));
  }

  @Test
  void aFailureBeforeTheTestsIsAFailure() {
    Map<String, Object> row = row(Broken.class);
    assertEquals(0, row.get("passed"));
    assertEquals(1, row.get("failed"));
    assertTrue(row.get("reason").toString().contains("no memory"));
  }
}
