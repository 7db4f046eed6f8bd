import Testing

import Training

/// What `doctor` calls a processor, by the texts of several.
@Suite struct ProcessorTests {
  @Test(arguments: [
    (
      "model name\t: Some CPU @ 2.00GHz\nflags\t\t: fpu avx2 fma avx512f\n\nmodel name\t: Other\n",
      "Some CPU @ 2.00GHz (avx2 fma avx512f)"
    ),
    ("Features\t: fp asimd sve\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n", "Arm Neoverse-V1 (asimd sve)"),
    ("CPU implementer\t: 0x51\nCPU part\t: 0x800\n", "Arm, implementer 0x51, part 0x800"),
    ("", "unknown"), (":\n::\nno field\n", "unknown"),
  ])
  func itsName(cpuInfo: String, name: String) { #expect(Processor(cpuInfo: cpuInfo).description == name) }
}
