"""Writes the sample documents that are not plain text: PDF, XLSX, DOCX and the GB18030 text file.

They are committed; run this only after changing the words below:
    python3 -m venv .venv-examples && .venv-examples/bin/pip install openpyxl python-docx
    .venv-examples/bin/python examples/make.py        # also needs `chromium` and a CJK font
"""

import pathlib
import subprocess
import tempfile

import docx
import openpyxl
from openpyxl.styles import Font, PatternFill

OUT = pathlib.Path(__file__).parent / "sample-kb"

MANUAL = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">
<title>QS-200 温湿度记录仪使用手册 / QS-200 Temperature and Humidity Logger Manual</title>
<style>
@page { size: A4; margin: 22mm 20mm; @bottom-center { content: counter(page) " / " counter(pages); font: 9pt sans-serif; color: #555 } }
body { font: 11pt/1.6 "Noto Sans CJK SC", sans-serif; color: #222 }
h1 { font-size: 22pt; margin: 0 0 4mm } h2 { font-size: 15pt; margin: 8mm 0 3mm; color: #0b5d4e }
section { break-after: page } section:last-child { break-after: auto }
table { border-collapse: collapse; width: 100% } td, th { border: 0.5pt solid #999; padding: 2mm 3mm; text-align: left } th { background: #e8f1ee }
li { margin: 1mm 0 }
</style></head><body>
<section>
<h1>QS-200 温湿度记录仪</h1>
<p><b>使用手册 / User Manual</b> &nbsp; 文件编号 QSM-200-07，2026 年 3 月</p>
<p>青穗仪器有限公司 Qingsui Instruments Co., Ltd.</p>
<h2>第一章 概述</h2>
<p>QS-200 是用于冷链运输和药品仓库的温湿度记录仪。它每隔设定的时间测量一次温度和相对湿度，把结果保存在本机，并可通过蓝牙读出。一台 QS-200 可保存 65,000 组数据，存满后默认停止记录，也可以设置为覆盖最早的数据。</p>
<h2>包装内容</h2>
<ul><li>QS-200 主机一台</li><li>ER14505 锂电池一节</li><li>壁挂支架与两枚螺钉</li><li>出厂校准证书一份</li></ul>
<h2>安全须知</h2>
<p>请勿将主机浸入水中。请勿对 ER14505 锂电池充电。电池更换后须在 10 分钟内重新校对时间，否则记录的时间会出现偏差。</p>
</section>
<section>
<h2>第二章 技术参数</h2>
<table>
<tr><th>项目</th><th>参数</th></tr>
<tr><td>温度测量范围</td><td>-40 °C 至 +85 °C</td></tr>
<tr><td>温度准确度</td><td>±0.2 °C（0 °C 至 60 °C），其余 ±0.4 °C</td></tr>
<tr><td>湿度测量范围</td><td>0 %RH 至 100 %RH</td></tr>
<tr><td>湿度准确度</td><td>±1.8 %RH</td></tr>
<tr><td>记录间隔</td><td>10 秒至 24 小时可调，出厂设置 5 分钟</td></tr>
<tr><td>电池寿命</td><td>约 26 个月（间隔 5 分钟，25 °C）</td></tr>
<tr><td>防护等级</td><td>IP65</td></tr>
<tr><td>尺寸与重量</td><td>98 × 62 × 24 mm，142 g</td></tr>
<tr><td>校准周期</td><td>12 个月</td></tr>
</table>
<h2>第三章 操作</h2>
<p>开机：长按“记录”键 3 秒，屏幕显示剩余电量和当前温湿度。开始记录：短按“记录”键一次，绿灯每 10 秒闪烁一次。停止记录：连续短按“记录”键三次。</p>
<p>报警：温度超出上下限时红灯闪烁并发出蜂鸣。出厂的报警上限为 8 °C，下限为 2 °C，适合疫苗运输。按“静音”键可以关闭蜂鸣 15 分钟。</p>
<p>恢复出厂设置：同时按住“记录”键和“静音”键 8 秒。此操作不会删除已经保存的数据。</p>
</section>
<section>
<h2>Chapter 4 Specifications</h2>
<table>
<tr><th>Item</th><th>Value</th></tr>
<tr><td>Temperature range</td><td>-40 °C to +85 °C</td></tr>
<tr><td>Temperature accuracy</td><td>±0.2 °C (0 °C to 60 °C), ±0.4 °C elsewhere</td></tr>
<tr><td>Humidity range</td><td>0 %RH to 100 %RH</td></tr>
<tr><td>Humidity accuracy</td><td>±1.8 %RH</td></tr>
<tr><td>Logging interval</td><td>10 seconds to 24 hours, 5 minutes as delivered</td></tr>
<tr><td>Battery life</td><td>about 26 months (5-minute interval, 25 °C)</td></tr>
<tr><td>Memory</td><td>65,000 readings</td></tr>
<tr><td>Bluetooth</td><td>Bluetooth 5.2, up to 30 m in the open</td></tr>
<tr><td>Calibration interval</td><td>12 months</td></tr>
</table>
<h2>Chapter 5 Reading the data</h2>
<p>Install the app Qingsui Reader, hold the phone within 30 metres and choose the logger by the last four digits of its serial number. A full memory is transferred in about 90 seconds. The app exports PDF reports and CSV files; the PDF report carries a digital signature and meets the requirements of GSP audits.</p>
</section>
<section>
<h2>Chapter 6 Troubleshooting</h2>
<table>
<tr><th>Display</th><th>Meaning</th><th>What to do</th></tr>
<tr><td>E01</td><td>Sensor not found</td><td>Remove the battery for 30 seconds; if E01 returns, send the logger in for service.</td></tr>
<tr><td>E02</td><td>Memory full</td><td>Read the data out, then clear the memory in the app.</td></tr>
<tr><td>E03</td><td>Battery low</td><td>Replace the ER14505 battery within 7 days.</td></tr>
<tr><td>E07</td><td>Calibration overdue</td><td>Logging continues; book a calibration at cal@qingsui.example.</td></tr>
</table>
<h2>Chapter 7 Warranty</h2>
<p>The warranty is 24 months from the date of purchase. It covers the electronics and the sensor. It does not cover the battery, damage by liquids, or a housing that has been opened.</p>
<h2>第七章 保修</h2>
<p>保修期为自购买之日起 24 个月，包括电路和传感器；不包括电池、进液损坏以及自行拆开外壳的情况。</p>
</section>
</body></html>
"""

FAQ = """青穗仪器客户常见问题（FAQ）

问：下单后多久发货？
答：现货产品在付款后 2 个工作日内从苏州仓库发出；定制校准的产品需要 9 个工作日。

问：可以退货吗？
答：收到货后 15 天内，包装和校准证书齐全的可以无理由退货，运费由客户承担。定制产品不接受退货。

问：怎样预约校准？
答：发邮件到 cal@qingsui.example，注明型号和序列号。标准校准收费每台 260 元，加急（3 个工作日）另加 150 元。

问：技术支持的时间是什么？
答：工作日 8:30 至 18:00，电话 400-555-0162。冷链客户享有 7×24 小时紧急支持。

问：发票怎么开？
答：默认开具电子普通发票；需要增值税专用发票的，请在下单时填写税号，发票在发货后 5 个工作日内寄出。

问：旧电池怎样处理？
答：请寄回苏州仓库，由我们免费回收。
"""

PRICES = [
    ("型号 Model", "名称 Name", "单价 Unit price (CNY)", "10 台起 From 10 units (CNY)", "交期 Lead time (working days)", "库存 Stock"),
    ("QS-100", "温度记录仪 Temperature logger", 320, 285, 2, 1460),
    ("QS-200", "温湿度记录仪 Temperature and humidity logger", 560, 498, 2, 820),
    ("QS-200B", "温湿度记录仪（蓝牙网关版）Logger with Bluetooth gateway", 780, 705, 4, 260),
    ("QS-310", "露点仪 Dew point meter", 2450, 2280, 9, 34),
    ("QS-450", "压差变送器 Differential pressure transmitter", 1180, 1050, 6, 97),
    ("QS-500", "八通道数据采集器 Eight-channel data logger", 3900, 3620, 9, 21),
]
SERVICES = [
    ("服务 Service", "价格 Price (CNY)", "说明 Note"),
    ("标准校准 Standard calibration", 260, "每台，9 个工作日 per unit, 9 working days"),
    ("加急校准 Express calibration", 410, "每台，3 个工作日 per unit, 3 working days"),
    ("延长保修一年 One more year of warranty", 88, "仅限 QS-100 与 QS-200 QS-100 and QS-200 only"),
    ("上门安装 On-site installation", 1500, "每天 per day"),
]


def manual() -> None:
    """Prints the manual with Chromium."""
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "manual.html"
        page.write_text(MANUAL, encoding="utf-8")
        target = OUT / "qs200-manual.pdf"
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--print-to-pdf={target}", page.as_uri()],
            check=True, capture_output=True,
        )


def prices() -> None:
    """Writes the price table."""
    book = openpyxl.Workbook()
    for index, (title, rows) in enumerate([("价格 Prices", PRICES), ("服务 Services", SERVICES)]):
        sheet = book.active if index == 0 else book.create_sheet()
        sheet.title = title
        for row in rows:
            sheet.append(row)
        for cell in sheet[1]:
            cell.font = Font(bold=True)
            cell.fill = PatternFill("solid", fgColor="E8F1EE")
        for column, width in zip("ABCDEF", (14, 52, 22, 28, 28, 12)):
            sheet.column_dimensions[column].width = width
    book.save(OUT / "price-table-2026.xlsx")


def minutes() -> None:
    """Writes the minutes of a meeting."""
    document = docx.Document()
    document.core_properties.title = "产品例会纪要 Product meeting minutes, 2026-04-14"
    document.core_properties.author = "青穗仪器 Qingsui Instruments"
    document.add_heading("产品例会纪要 Product meeting minutes", 0)
    document.add_paragraph("日期 Date：2026 年 4 月 14 日　地点 Place：苏州总部 3 号会议室　主持 Chair：沈若岚")
    document.add_heading("出席 Present", 1)
    document.add_paragraph("沈若岚（产品）、Marcus Lindqvist（固件 firmware）、贺知远（销售）、Amara Okafor（质量 quality）")
    document.add_heading("一、QS-310 延期", 1)
    document.add_paragraph("QS-310 露点仪第二代因冷镜传感器供货不足，发布日期由 2026 年 6 月 1 日推迟到 2026 年 8 月 20 日。贺知远负责在 4 月 18 日以前通知已下预订单的 12 家客户。")
    document.add_heading("2. Firmware 3.4", 1)
    document.add_paragraph("Firmware 3.4 for the QS-200 fixes the clock drift after a battery change and adds Portuguese. Marcus Lindqvist releases it on 5 May 2026 after a two-week field test with 40 loggers in Ningbo.")
    document.add_heading("3. Quality", 1)
    document.add_paragraph("The return rate of the QS-450 fell from 2.6 % to 0.9 % after the new gasket. Amara Okafor will repeat the salt-spray test in May.")
    document.add_heading("四、决定 Decisions", 1)
    table = document.add_table(rows=1, cols=3)
    table.style = "Table Grid"
    for cell, text in zip(table.rows[0].cells, ("事项 Action", "负责人 Owner", "截止 Due")):
        cell.text = text
    for row in (
        ("通知 QS-310 预订客户", "贺知远", "2026-04-18"),
        ("Release firmware 3.4", "Marcus Lindqvist", "2026-05-05"),
        ("Repeat salt-spray test", "Amara Okafor", "2026-05-29"),
    ):
        for cell, text in zip(table.add_row().cells, row):
            cell.text = text
    document.save(OUT / "minutes-2026-04-14.docx")


def main() -> None:
    """Writes everything."""
    OUT.mkdir(exist_ok=True)
    (OUT / "faq.gb18030.txt").write_bytes(FAQ.encode("gb18030"))
    prices()
    minutes()
    manual()


if __name__ == "__main__":
    main()
