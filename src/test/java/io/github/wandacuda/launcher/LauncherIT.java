package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.launcher.trust.OwnUser;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@EnabledOnOs({OS.LINUX, OS.MAC})
@Thorough
class LauncherIT {
  private static final int JAVA_8_CLASSES = 52;
  @TempDir static Path directory;
  private static Path jar;

  @BeforeAll
  static void buildJar() throws IOException {
    jar = ProbeJar.in(directory);
  }

  private static List<String> command(Javas java, Object options, Object... args) {
    return List.of(Words.texts(java.command(), options, "-jar", jar, args));
  }

  private static Command start(Javas java, Object options, Object... args) {
    return Javas.command(List.of(), command(java, options, args));
  }

  /** The pid that the program wrote when it was ready. */
  private static long programPid(Started program) throws InterruptedException {
    Started.await("the program is ready", () -> program.out().endsWith("\n"));
    return Long.parseLong(program.out().strip());
  }

  @Test
  void theBuiltJarStartsWithTheLauncher() throws IOException {
    try (JarFile built = new JarFile(ProbeJar.BUILT.toFile())) {
      Attributes main = built.getManifest().getMainAttributes();
      assertThat(main.getValue("Main-Class")).isEqualTo(Launcher.class.getName());
      assertThat(main.getValue("Enable-Native-Access")).isEqualTo("ALL-UNNAMED");
      assertThat(main.getValue("Add-Exports")).isEqualTo("java.base/jdk.internal.module");
      assertThat(ProbeJar.launcher(built)).hasSizeGreaterThan(10);
      for (JarEntry entry : ProbeJar.launcher(built)) {
        if (entry.getName().contains("/launcher/")) {
          assertThat(classVersion(built, entry)).as(entry.getName()).isEqualTo(JAVA_8_CLASSES);
        }
      }
    }
  }

  private static int classVersion(JarFile built, JarEntry entry) throws IOException {
    try (InputStream in = built.getInputStream(entry)) {
      byte[] start = in.readNBytes(8);
      return start[6] << 8 | start[7];
    }
  }

  @ParameterizedTest
  @EnumSource
  void theProgramHasVectorsNativeAccessAndFastKernels(Javas java) throws Exception {
    Ended program = start(java, List.of(), "show").run().succeeds();
    assertThat(program.out())
        .contains("java=" + Runtime.version().feature(), "vector=true", "native=true")
        .contains("-XX:+UseSerialGC, -XX:CompileCommand=quiet, -XX:CompileCommand=Compile")
        .contains("collector=Copy\n");
    assertThat(program.err()).isEmpty();
  }

  @Test
  void whereModulesCantBeLoadedTheJvmsOptionDoesIt() throws Exception {
    // On a class path the jar's manifest, which exports what loads them, isn't read.
    List<String> line =
        List.of(
            Javas.RECENT.command(),
            "-Dwandacuda.launched=in-place",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            jar.toString(),
            Launcher.class.getName(),
            "show");
    Ended program = Javas.command(List.of(), line).run().succeeds();
    assertThat(program.out()).contains("vector=true", "native=true");
    assertThat(program.err()).isEqualTo("WARNING: Using incubator modules: jdk.incubator.vector\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"show", "inspect"})
  @EnabledOnOs(value = OS.LINUX, disabledReason = "elsewhere names are UTF-8 in every locale")
  void namesBeyondAsciiPassInThePosixLocale(String command) throws Exception {
    for (String locale : List.of("LC_ALL=POSIX", "LC_ALL=", "LC_ALL=xx_XX.UTF-8")) {
      List<String> line = command(Javas.RECENT, List.of(), command, "mödel/漢");
      Ended program = Javas.command(List.of("LANG=", locale), line).run().succeeds();
      assertThat(program.out()).as(locale).contains("arg=[mödel/漢]");
      assertThat(program.err()).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource
  void theUsersOptionsPass(Javas java) throws Exception {
    Path more = Files.writeString(directory.resolve("more " + java), "-Dprobe.more=\"c d\" -ea");
    List<String> options =
        List.of("-Xmx300m", "-Dprobe.of.user=a b", "@" + more, "--add-modules", "java.sql");
    Ended program = start(java, options, "show").run().succeeds();
    assertThat(program.out())
        .contains(
            "memory=300", "probe.of.user=a b", "probe.more=c d", "assertions=true", "vector=true");
  }

  @ParameterizedTest
  @EnumSource
  void optionsOfTheEnvironmentAreNotDoubled(Javas java) throws Exception {
    List<String> variables =
        List.of("JAVA_TOOL_OPTIONS=-Dprobe.tool=1", "JDK_JAVA_OPTIONS=-Dprobe.jdk=2");
    Ended program =
        Javas.command(variables, command(java, List.of("-Dprobe.line=3"), "show")).run().succeeds();
    assertThat(program.out())
        .containsOnlyOnce("-Dprobe.tool=1")
        .containsOnlyOnce("-Dprobe.jdk=2")
        .containsOnlyOnce("-Dprobe.line=3");
  }

  @ParameterizedTest
  @ValueSource(strings = {"-Xint", "-XX:TieredStopAtLevel=1", "-XX:-TieredCompilation"})
  void theUsersCompilerWins(String option) throws Exception {
    Ended program = start(Javas.RECENT, List.of(option), "show").run().succeeds();
    assertThat(program.out()).contains(option).doesNotContain("CompileCommand");
    assertThat(program.err()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "RECENT, LINE",
    "OLDER, LINE",
    "RECENT, FILE",
    "RECENT, JDK_JAVA_OPTIONS",
    "RECENT, JAVA_TOOL_OPTIONS",
    "RECENT, _JAVA_OPTIONS"
  })
  void theUsersCollectorWins(Javas java, String from) throws Exception {
    String option = "-XX:+UseParallelGC";
    Path file = Files.writeString(directory.resolve("collector"), option);
    List<String> options =
        switch (from) {
          case "LINE" -> List.of(option);
          case "FILE" -> List.of("@" + file);
          default -> List.of();
        };
    List<String> variables = List.of(from + "=-Dprobe.a=1 " + option);
    Ended program = Javas.command(variables, command(java, options, "show")).run().succeeds();
    assertThat(program.out()).contains("collector=PS ");
  }

  @ParameterizedTest
  @EnumSource
  void oddArgumentsPass(Javas java) throws Exception {
    String[] odd = {"", "a b", "\"q\"", "it's", "é漢😀", "*", "@none", "-Xmx1", "--help", "\\", ""};
    List<String> args = new ArrayList<>(List.of("show"));
    args.addAll(Arrays.asList(odd));
    Ended program = start(java, List.of(), args.toArray(String[]::new)).run().succeeds();
    List<String> expected = Arrays.stream(odd).map(arg -> "arg=[" + arg + "]").toList();
    assertThat(program.out().lines().filter(line -> line.startsWith("arg=")))
        .containsExactlyElementsOf(expected);
  }

  @ParameterizedTest
  @EnumSource
  void standardInputPasses(Javas java) throws Exception {
    try (Started program = start(java, List.of(), "read").start()) {
      program.write("a line");
      assertThat(program.exitCode()).isZero();
      assertThat(program.out()).isEqualTo("read a line\n");
    }
  }

  @ParameterizedTest
  @CsvSource({"RECENT, 0", "RECENT, 3", "OLDER, 0", "OLDER, 3"})
  void exitCodesPass(Javas java, int code) throws Exception {
    Ended program = start(java, List.of(), "exit", String.valueOf(code)).run().endsWith(code);
    assertThat(program.out()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void whatTheProgramThrowsIsShown(Javas java) throws Exception {
    Ended program = start(java, List.of(), "fail").run().endsWith(1);
    assertThat(program.err())
        .contains("in thread \"main\" java.lang.IllegalStateException: thrown by the program")
        .doesNotContain("InvocationTargetException");
  }

  @ParameterizedTest
  @CsvSource({
    "RECENT, INT, 130", "RECENT, TERM, 143", "RECENT, HUP, 129",
    "OLDER, INT, 130", "OLDER, TERM, 143", "OLDER, HUP, 129"
  })
  void signalsReachTheProgram(Javas java, String signal, int code) throws Exception {
    try (Started program = start(java, List.of(), "wait").start()) {
      long pid = programPid(program);
      program.signal(signal);
      assertThat(program.exitCode()).isEqualTo(code);
      assertThat(program.out()).endsWith("ended in order\n");
      assertThat(isRunning(pid)).isFalse();
    }
  }

  /** A signal that comes when the launcher has only the replacement of its process before it. */
  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143", "HUP, 129"})
  @EnabledOnOs(value = OS.LINUX, disabledReason = "strace sends the signal")
  void aSignalBeforeTheReplacementEndsIt(String signal, int code) throws Exception {
    Path strace = Path.of("/usr/bin/strace");
    Assumptions.assumeTrue(Files.isExecutable(strace), "strace is not here");
    Path trace = directory.resolve("trace");
    List<String> command = new ArrayList<>(List.of(strace.toString(), "-f", "-q", "-o"));
    command.addAll(List.of(trace.toString(), "-P", "/proc/self/fd"));
    command.addAll(List.of("-e", "inject=openat:signal=" + signal + ":when=1"));
    command.addAll(command(Javas.RECENT, List.of(), "show"));
    Ended program = Javas.command(List.of(), command).run().endsWith(code);
    assertThat(program.out()).isEmpty();
    // A JVM that ends the process itself may come too late.
    assertThat(Files.readString(trace)).contains("+++ killed by SIG" + signal);
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "only Linux has /proc")
  void withoutProcAnOlderJavaRunsTheProgramToo() throws Exception {
    Assumptions.assumeTrue(OwnUser.get() == 0, "only root may mount");
    String java = Javas.OLDER.command();
    String library = Path.of(java).toRealPath().resolve("../../lib").normalize().toString();
    String script = "mount -t tmpfs none /proc && LD_LIBRARY_PATH=" + library + " exec \"$@\"";
    List<String> command = new ArrayList<>(List.of("/usr/bin/unshare", "-m", "/bin/sh", "-c"));
    command.addAll(List.of(script, "sh"));
    command.addAll(command(Javas.OLDER, List.of(), "wait"));
    try (Started program = Javas.command(List.of(), command).start()) {
      long pid = programPid(program);
      Thread.sleep(500);
      assertThat(isRunning(pid)).isTrue();
      program.signal("KILL");
      Started.await("the program has ended", () -> !isRunning(pid));
    }
  }

  /** As those that {@code nohup} and a script's background job begin with. */
  @ParameterizedTest
  @EnumSource
  void anIgnoredSignalStaysIgnored(Javas java) throws Exception {
    List<String> command = new ArrayList<>(List.of("/bin/sh", "-c"));
    command.addAll(List.of("trap '' HUP INT; exec \"$@\"", "sh"));
    command.addAll(command(java, List.of(), "wait"));
    try (Started program = Javas.command(List.of(), command).start()) {
      programPid(program);
      program.signal("HUP");
      program.signal("INT");
      program.signal("TERM");
      assertThat(program.exitCode()).isEqualTo(143);
      assertThat(program.out()).endsWith("ended in order\n");
    }
  }

  @ParameterizedTest
  @EnumSource
  void killingWhatTheUserStartedEndsTheWork(Javas java) throws Exception {
    try (Started program = start(java, List.of(), "wait").start()) {
      long pid = programPid(program);
      assertThat(isRunning(pid)).isTrue();
      program.signal("KILL");
      assertThat(program.exitCode()).isEqualTo(137);
      Started.await("the program has ended", () -> !isRunning(pid));
    }
  }

  @Test
  void aChildWhoseParentHasGoneEnds() throws Exception {
    List<String> options =
        List.of("--add-modules", Launcher.MODULE, "-Dwandacuda.launched=" + Integer.MAX_VALUE);
    Ended program = start(Javas.RECENT, options, "wait").run().endsWith(137);
  }

  @Test
  void aRecentJavaIsReplacedInPlace() throws Exception {
    try (Started program = start(Javas.RECENT, List.of(), "wait").start()) {
      assertThat(programPid(program)).isEqualTo(program.pid());
      program.signal("QUIT");
      Started.await("a thread dump", () -> program.out().contains("Full thread dump"));
      assertThat(program.isAlive()).isTrue();
    }
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "only Linux lists a process's sockets")
  void aPortOfTheFirstStartIsFree() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    String debugger = "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=" + port;
    Ended program = start(Javas.RECENT, List.of(debugger), "show").run().succeeds();
    assertThat(program.out()).contains("vector=true");
  }

  /** Once a start kept an archive of classes, and deleted what was in the folder of its name. */
  @Test
  void aStartDeletesNothingAndLeavesNothingBehind() throws Exception {
    Path folder = Files.createDirectories(directory.resolve("mine/below"));
    Files.writeString(folder.resolve("file.jsa"), "mine");
    List<String> before = Directories.files(directory).stream().map(Object::toString).toList();
    for (String name : List.of("x.jsa", "below/x.jsa")) {
      String option = "-Dwandacuda.archive=" + folder.getParent().resolve(name);
      start(Javas.RECENT, List.of(option), "show").run().succeeds();
    }
    // The archive was made by a process that went on.
    TimeUnit.SECONDS.sleep(3);
    assertThat(Directories.files(directory).stream().map(Object::toString).toList())
        .isEqualTo(before);
  }

  @Test
  void withTheModuleOnTheProgramIsCalledAtOnce() throws Exception {
    List<String> options = List.of("--add-modules", Launcher.MODULE);
    try (Started program = start(Javas.RECENT, options, "show").start()) {
      assertThat(program.exitCode()).isZero();
      assertThat(program.out())
          .contains("pid=" + program.pid(), "vector=true", "native=true")
          .doesNotContain("wandacuda.launched");
    }
  }

  @ParameterizedTest
  @CsvSource({"RECENT, inspect", "RECENT, --help", "OLDER, inspect", "OLDER, --help"})
  void whatNeedsNoVectorsIsSparedTheModule(Javas java, String command) throws Exception {
    try (Started program = start(java, List.of("-Dprobe.of.user=1"), command, "x").start()) {
      assertThat(program.exitCode()).isZero();
      assertThat(program.out())
          .contains("java=" + Runtime.version().feature(), "vector=false", "native=true")
          .contains("probe.of.user=1", "arg=[x]");
      assertThat(program.err()).isEmpty();
      boolean atOnce = program.out().contains("pid=" + program.pid() + "\n");
      assertThat(atOnce).isEqualTo(java == Javas.RECENT);
    }
  }

  @Test
  void onAClassPathThereAreNoWarningsEither() throws Exception {
    List<String> command =
        List.of(
            Javas.RECENT.command(), "-cp", jar.toString(), Launcher.class.getName(), "show", "x");
    Ended program = Javas.command(List.of(), command).run().succeeds();
    assertThat(program.out()).contains("vector=true", "native=true", "arg=[x]");
    assertThat(program.err()).isEmpty();
  }

  @Test
  void aJavaThatWasStartedInVainStartsNoOther() throws Exception {
    Ended program =
        start(Javas.OLDER, List.of("-Dwandacuda.launched=in-place"), "show").run().endsWith(1);
    assertThat(program.out()).isEmpty();
    assertThat(program.err()).startsWith("wanda-cuda needs a JDK 25 or newer").hasLineCount(1);
  }

  /** Whether a process is there and not merely waiting for its parent to notice its end. */
  private static boolean isRunning(long pid) {
    String state = Command.of("ps", "-o", "stat=", "-p", pid).run().out().strip();
    return !state.isEmpty() && !state.startsWith("Z");
  }
}
