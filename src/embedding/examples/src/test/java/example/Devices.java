package example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.library.DeviceInfo;
import io.github.wandacuda.library.Pruner;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Runs programs on the backends; CUDA's is the driver that the tests pretend. */
final class Devices {
  private static final Path DRIVER = Path.of("target", "pretend-cuda");

  private Devices() {}

  /** Runs a program's main method in a Java of its own, and returns what it printed. */
  static String run(String backend, Class<?> program, Object... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"));
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    command.addAll(List.of("-cp", classPath, program.getName()));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    ProcessBuilder builder = new ProcessBuilder(command);
    switch (backend) {
      case "opencl" -> assumeOpenCl();
      case "cuda" -> builder.environment().put("LD_LIBRARY_PATH", pretended().toString());
      default -> {}
    }
    return output(builder);
  }

  private static void assumeOpenCl() {
    List<DeviceInfo> devices =
        Pruner.devices().stream().filter(device -> device.backend().equals("opencl")).toList();
    assumeTrue(
        devices.stream().anyMatch(DeviceInfo::usable), "no OpenCL device can be used: " + devices);
  }

  private static Path pretended() throws IOException, InterruptedException {
    boolean isJCudas =
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64");
    assumeTrue(isJCudas, "the pretended driver is for Linux on x86-64, as JCuda's library is");
    boolean hasCompiler =
        Pattern.compile(File.pathSeparator)
            .splitAsStream(System.getenv("PATH"))
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, "g++")));
    assumeTrue(hasCompiler, "the pretended driver is built with g++, which is not there");
    List<String> build = new ArrayList<>(List.of("sh", "src/test/pretend-cuda/build.sh"));
    build.add(DRIVER.toString());
    // As the build's own tests do, so that nothing is built twice.
    for (String kernels :
        List.of("kernels/select", "kernels/forward", "src/test/pretend-cuda/selftest")) {
      build.addAll(List.of("--kernels", kernels));
    }
    output(new ProcessBuilder(build));
    return DRIVER.toAbsolutePath();
  }

  private static String output(ProcessBuilder builder) throws IOException, InterruptedException {
    Process process = builder.redirectErrorStream(true).start();
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), () -> builder.command() + " failed:\n" + printed);
    return printed;
  }
}
