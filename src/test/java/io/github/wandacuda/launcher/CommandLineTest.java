package io.github.wandacuda.launcher;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class CommandLineTest {
  private static final List<String> NEW = List.of("--add-modules", "m");

  private static List<String> words(String told) {
    return CommandLine.ofLinux(told.getBytes(UTF_8), UTF_8).words("/jdk/bin/java", NEW);
  }

  @Test
  void newOptionsComeFirstAndTheRestStays() {
    assertThat(words("java\0-Xmx1g\0@more\0-jar\0a.jar\0prune\0--model\0m\0"))
        .containsExactly(
            "/jdk/bin/java --add-modules m -Xmx1g @more -jar a.jar prune --model m".split(" "));
  }

  @Test
  void oddWordsStay() {
    assertThat(words("java\0-jar\0a.jar\0\0a b\0\"q\"\0it's\0é漢😀\0*\0\0").subList(5, 12))
        .containsExactly("", "a b", "\"q\"", "it's", "é漢😀", "*", "");
  }

  @Test
  void bytesOfAnotherEncodingStay() {
    byte[] told = {'j', 0, (byte) 0xe9, (byte) 0xff, 0};
    CommandLine line = CommandLine.ofLinux(told, UTF_8);
    assertThat(line.encoded("java", List.of()).get(1)).containsExactly(0xe9, 0xff);
  }

  @Test
  void whatTheUserGaveIsTheLineAndTheEnvironment() {
    Map<String, String> environment =
        Map.of("JDK_JAVA_OPTIONS", "-Da=1 -Db=2", "_JAVA_OPTIONS", "-Dc=3", "OTHER", "-Dd=4");
    CommandLine line = CommandLine.ofLinux("java\0-Xint\0@more\0".getBytes(UTF_8), UTF_8);
    assertThat(line.given(environment))
        .contains("-Xint", "@more", "-Da=1 -Db=2", "-Dc=3")
        .doesNotContain("java", "-Dd=4");
  }

  @Test
  void onLinuxTheEnvironmentStays() {
    assertThat(CommandLine.ofLinux(new byte[] {'j', 0}, UTF_8).variables()).isEmpty();
  }

  @Test
  void elsewhereTheLineIsPutTogether() {
    CommandLine line =
        CommandLine.ofJvm(List.of("-Xmx1g", "-Dof=environment"), "a b.jar", new String[] {"", "é"});
    assertThat(line.words("java", NEW))
        .containsExactly(
            "java", "--add-modules",
            "m", "-Xmx1g",
            "-Dof=environment", "-cp",
            "a b.jar", "io.github.wandacuda.launcher.Launcher",
            "", "é");
    assertThat(line.variables())
        .containsExactlyInAnyOrder("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS");
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "only Linux tells a process its command line")
  void thisProcessHasItsOwnLine() {
    Stream<String> words =
        CommandLine.ofThisProcess(new String[] {}).words("java", List.of()).stream();
    assertThat(words.skip(1))
        .containsExactly(ProcessHandle.current().info().arguments().orElseThrow());
  }
}
