package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.system.OwnUser;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;
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

  private static Command start(Starts way, Object options, Object... args) {
    return Starts.command(List.of(), way.line(jar, options, args));
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
        if (entry.getName().endsWith("/Launcher.class")) {
          assertThat(classVersion(built, entry)).isEqualTo(JAVA_8_CLASSES);
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
  void theProgramHasVectorsNativeAccessAndFastKernels(Starts way) throws Exception {
    Ended program = start(way, List.of(), "show").run().succeeds();
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
            VectorStart.java(),
            "-Dwandacuda.launched=in-place",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            jar.toString(),
            Launcher.class.getName(),
            "show");
    Ended program = Starts.command(List.of(), line).run().succeeds();
    assertThat(program.out()).contains("vector=true", "native=true");
    assertThat(program.err()).isEqualTo("WARNING: Using incubator modules: jdk.incubator.vector\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"show", "inspect"})
  @EnabledOnOs(value = OS.LINUX, disabledReason = "elsewhere names are UTF-8 in every locale")
  void namesBeyondAsciiPassInThePosixLocale(String command) throws Exception {
    for (String locale : List.of("LC_ALL=POSIX", "LC_ALL=", "LC_ALL=xx_XX.UTF-8")) {
      List<String> line = Starts.REPLACED.line(jar, List.of(), command, "mödel/漢");
      Ended program = Starts.command(List.of("LANG=", locale), line).run().succeeds();
      assertThat(program.out()).as(locale).contains("arg=[mödel/漢]");
      assertThat(program.err()).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource
  void theUsersOptionsPass(Starts way) throws Exception {
    Path more = Files.writeString(directory.resolve("more " + way), "-Dprobe.more=\"c d\" -ea");
    List<String> options =
        List.of("-Xmx300m", "-Dprobe.of.user=a b", "@" + more, "--add-modules", "java.sql");
    Ended program = start(way, options, "show").run().succeeds();
    assertThat(program.out())
        .contains(
            "memory=300", "probe.of.user=a b", "probe.more=c d", "assertions=true", "vector=true");
  }

  @ParameterizedTest
  @EnumSource
  void optionsOfTheEnvironmentAreNotDoubled(Starts way) throws Exception {
    List<String> variables =
        List.of("JAVA_TOOL_OPTIONS=-Dprobe.tool=1", "JDK_JAVA_OPTIONS=-Dprobe.jdk=2");
    Ended program =
        Starts.command(variables, way.line(jar, List.of("-Dprobe.line=3"), "show"))
            .run()
            .succeeds();
    assertThat(program.out())
        .containsOnlyOnce("-Dprobe.tool=1")
        .containsOnlyOnce("-Dprobe.jdk=2")
        .containsOnlyOnce("-Dprobe.line=3");
  }

  @ParameterizedTest
  @ValueSource(strings = {"-Xint", "-XX:TieredStopAtLevel=1", "-XX:-TieredCompilation"})
  void theUsersCompilerWins(String option) throws Exception {
    Ended program = start(Starts.REPLACED, List.of(option), "show").run().succeeds();
    assertThat(program.out()).contains(option).doesNotContain("CompileCommand");
    assertThat(program.err()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "REPLACED, LINE",
    "BELOW, LINE",
    "REPLACED, FILE",
    "REPLACED, JDK_JAVA_OPTIONS",
    "REPLACED, JAVA_TOOL_OPTIONS",
    "REPLACED, _JAVA_OPTIONS"
  })
  void theUsersCollectorWins(Starts way, String from) throws Exception {
    String option = "-XX:+UseParallelGC";
    Path file = Files.writeString(directory.resolve("collector"), option);
    List<String> options =
        switch (from) {
          case "LINE" -> List.of(option);
          case "FILE" -> List.of("@" + file);
          default -> List.of();
        };
    List<String> variables = List.of(from + "=-Dprobe.a=1 " + option);
    Ended program = Starts.command(variables, way.line(jar, options, "show")).run().succeeds();
    assertThat(program.out()).contains("collector=PS ");
  }

  @ParameterizedTest
  @EnumSource
  void oddArgumentsPass(Starts way) throws Exception {
    String[] odd = {"", "a b", "\"q\"", "it's", "é漢😀", "*", "@none", "-Xmx1", "--help", "\\", ""};
    List<String> args = new ArrayList<>(List.of("show"));
    args.addAll(Arrays.asList(odd));
    Ended program = start(way, List.of(), args.toArray()).run().succeeds();
    List<String> expected = Arrays.stream(odd).map(arg -> "arg=[" + arg + "]").toList();
    assertThat(program.out().lines().filter(line -> line.startsWith("arg=")))
        .containsExactlyElementsOf(expected);
  }

  @ParameterizedTest
  @EnumSource
  void standardInputPasses(Starts way) throws Exception {
    try (Started program = start(way, List.of(), "read").start()) {
      program.write("a line");
      assertThat(program.exitCode()).isZero();
      assertThat(program.out()).isEqualTo("read a line\n");
    }
  }

  @ParameterizedTest
  @CsvSource({"REPLACED, 0", "REPLACED, 3", "BELOW, 0", "BELOW, 3"})
  void exitCodesPass(Starts way, int code) throws Exception {
    Ended program = start(way, List.of(), "exit", String.valueOf(code)).run().endsWith(code);
    assertThat(program.out()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void whatTheProgramThrowsIsShown(Starts way) throws Exception {
    Ended program = start(way, List.of(), "fail").run().endsWith(1);
    assertThat(program.err())
        .contains("in thread \"main\" java.lang.IllegalStateException: thrown by the program")
        .doesNotContain("InvocationTargetException");
  }

  @ParameterizedTest
  @CsvSource({
    "REPLACED, INT, 130", "REPLACED, TERM, 143", "REPLACED, HUP, 129",
    "BELOW, INT, 130", "BELOW, TERM, 143", "BELOW, HUP, 129"
  })
  void signalsReachTheProgram(Starts way, String signal, int code) throws Exception {
    try (Started program = start(way, List.of(), "wait").start()) {
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
    command.addAll(Starts.REPLACED.line(jar, List.of(), "show"));
    Ended program = Starts.command(List.of(), command).run().endsWith(code);
    assertThat(program.out()).isEmpty();
    // A JVM that ends the process itself may come too late.
    assertThat(Files.readString(trace)).contains("+++ killed by SIG" + signal);
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "only Linux has /proc")
  void withoutProcAChildRunsTheProgramToo() throws Exception {
    Assumptions.assumeTrue(OwnUser.get() == 0, "only root may mount");
    String library = Path.of(System.getProperty("java.home"), "lib").toString();
    String script = "mount -t tmpfs none /proc && LD_LIBRARY_PATH=" + library + " exec \"$@\"";
    List<String> command = new ArrayList<>(List.of("/usr/bin/unshare", "-m", "/bin/sh", "-c"));
    command.addAll(List.of(script, "sh"));
    command.addAll(Starts.BELOW.line(jar, List.of(), "wait"));
    try (Started program = Starts.command(List.of(), command).start()) {
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
  void anIgnoredSignalStaysIgnored(Starts way) throws Exception {
    List<String> command = new ArrayList<>(List.of("/bin/sh", "-c"));
    command.addAll(List.of("trap '' HUP INT; exec \"$@\"", "sh"));
    command.addAll(way.line(jar, List.of(), "wait"));
    try (Started program = Starts.command(List.of(), command).start()) {
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
  void killingWhatTheUserStartedEndsTheWork(Starts way) throws Exception {
    try (Started program = start(way, List.of(), "wait").start()) {
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
        List.of("--add-modules", VectorStart.MODULE, "-Dwandacuda.launched=" + Integer.MAX_VALUE);
    Ended program = start(Starts.REPLACED, options, "wait").run().endsWith(137);
  }

  @Test
  void aRecentJavaIsReplacedInPlace() throws Exception {
    try (Started program = start(Starts.REPLACED, List.of(), "wait").start()) {
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
    Ended program = start(Starts.REPLACED, List.of(debugger), "show").run().succeeds();
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
      start(Starts.REPLACED, List.of(option), "show").run().succeeds();
    }
    // The archive was made by a process that went on.
    TimeUnit.SECONDS.sleep(3);
    assertThat(Directories.files(directory).stream().map(Object::toString).toList())
        .isEqualTo(before);
  }

  @Test
  void withTheModuleOnTheProgramIsCalledAtOnce() throws Exception {
    List<String> options = List.of("--add-modules", VectorStart.MODULE);
    try (Started program = start(Starts.REPLACED, options, "show").start()) {
      assertThat(program.exitCode()).isZero();
      assertThat(program.out())
          .contains("pid=" + program.pid(), "vector=true", "native=true")
          .doesNotContain("wandacuda.launched");
    }
  }

  @ParameterizedTest
  @CsvSource({"REPLACED, inspect", "REPLACED, --help", "BELOW, inspect", "BELOW, --help"})
  void whatNeedsNoVectorsIsSparedTheModule(Starts way, String command) throws Exception {
    try (Started program = start(way, List.of("-Dprobe.of.user=1"), command, "x").start()) {
      assertThat(program.exitCode()).isZero();
      assertThat(program.out())
          .contains("java=" + Runtime.version().feature(), "vector=false", "native=true")
          .contains("probe.of.user=1", "arg=[x]");
      assertThat(program.err()).isEmpty();
      boolean atOnce = program.out().contains("pid=" + program.pid() + "\n");
      assertThat(atOnce).isEqualTo(way == Starts.REPLACED);
    }
  }

  @Test
  void onAClassPathThereAreNoWarningsEither() throws Exception {
    List<String> command =
        List.of(VectorStart.java(), "-cp", jar.toString(), Launcher.class.getName(), "show", "x");
    Ended program = Starts.command(List.of(), command).run().succeeds();
    assertThat(program.out()).contains("vector=true", "native=true", "arg=[x]");
    assertThat(program.err()).isEmpty();
  }

  @Test
  void aJavaThatWasStartedInVainStartsNoOther() throws Exception {
    Ended program =
        start(
                Starts.BELOW,
                List.of("-Dwandacuda.launched=in-place", "--limit-modules", "java.se"),
                "show")
            .run()
            .endsWith(1);
    assertThat(program.out()).isEmpty();
    assertThat(program.err()).startsWith("wanda-cuda needs Java 25 or newer").hasLineCount(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"show", "inspect", "--help"})
  void anOlderJavaSaysWhatIsNeeded(String command) throws Exception {
    String java = olderJava();
    Ended program = Starts.command(List.of(), java, "-jar", jar, command).run().endsWith(1);
    assertThat(program.out()).isEmpty();
    assertThat(program.err())
        .contains(
            "wanda-cuda needs Java 25 or newer", "found Java ", "start it by the command java")
        .hasLineCount(1);
    Ended json = Starts.command(List.of(), java, "-jar", jar, command, "--json").run().endsWith(1);
    assertThat(TestData.json(json.err().getBytes(StandardCharsets.UTF_8)).get("error").asText())
        .isEqualTo(program.err().strip());
  }

  /** Returns the command of a Java that is too old; skips the test where there is none. */
  private static String olderJava() throws IOException {
    Path all = Path.of("/usr/lib/jvm");
    Assumptions.assumeTrue(Files.isDirectory(all), "this system keeps no JDKs there");
    try (Stream<Path> homes = Files.list(all)) {
      Optional<Path> java =
          homes
              .filter(home -> home.getFileName().toString().matches("java-(8|11|17|21)-openjdk.*"))
              .map(home -> home.resolve("bin/java"))
              .filter(Files::isExecutable)
              .findFirst();
      Assumptions.assumeTrue(java.isPresent(), "this machine has no older Java");
      return java.get().toString();
    }
  }

  /** Whether a process is there and not merely waiting for its parent to notice its end. */
  private static boolean isRunning(long pid) {
    String state = Command.of("ps", "-o", "stat=", "-p", pid).run().out().strip();
    return !state.isEmpty() && !state.startsWith("Z");
  }
}
